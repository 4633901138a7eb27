package org.stateferry.stream;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * What begins a START or FULL section: {@code u8 type, be32 section id, u8 length, name, be32 instance id, be32 version}.
 *
 * @param sectionId the number that later parts and the footer refer to
 * @param name the device's id string
 * @param instanceId which of several devices of this name
 * @param versionId the payload layout's version
 * @param size bytes that the head itself takes
 */
record SectionHead(long sectionId, String name, long instanceId, long versionId, int size) {
    private static final int NAME_OFFSET = 1 + Integer.BYTES + 1;

    /** The head at hand, not yet passed; null if more bytes are needed. */
    static @Nullable SectionHead peek(ElementInput in) throws StateferryException {
        if (!in.has(NAME_OFFSET)) {
            return null;
        }
        int nameLength = in.peekU8(NAME_OFFSET - 1);
        int instanceOffset = NAME_OFFSET + nameLength;
        int size = instanceOffset + 2 * Integer.BYTES;
        if (!in.has(size)) {
            return null;
        }
        return new SectionHead(
                in.peekU32(1),
                in.peekName(NAME_OFFSET, nameLength),
                in.peekU32(instanceOffset),
                in.peekU32(instanceOffset + Integer.BYTES),
                size);
    }
}
