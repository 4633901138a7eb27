package org.stateferry.stream;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * The beginning of a START or FULL section:
 * {@code u8 type, be32 section id, u8 length, name, be32 instance id, be32 version}.
 *
 * @param sectionId the number by which later sections and footers refer to this one
 * @param name the device's id string
 * @param instanceId tells devices of the same name apart
 * @param versionId the version of the payload's layout
 * @param size the size of the head itself in bytes
 */
record SectionHead(long sectionId, String name, long instanceId, long versionId, int size) {
    private static final int NAME_OFFSET = 1 + Integer.BYTES + 1;

    /** Reads the head at hand without passing it; null if more bytes are needed. */
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
