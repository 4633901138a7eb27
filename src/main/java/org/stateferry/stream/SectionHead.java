package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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
public record SectionHead(long sectionId, String name, long instanceId, long versionId, int size) {
    /** The size of a footer in bytes: type and section id. */
    static final int FOOTER_SIZE = 1 + Integer.BYTES;

    private static final int NAME_OFFSET = 1 + Integer.BYTES + 1;

    /** Reads the head at hand without passing it; null if more bytes are needed. */
    static @Nullable SectionHead peek(ElementInput in) throws StateferryException {
        if (!isWhole(in, 0)) {
            return null;
        }
        int nameLength = in.peekU8(NAME_OFFSET - 1);
        int instanceOffset = NAME_OFFSET + nameLength;
        return new SectionHead(
                in.peekU32(1),
                in.peekName(NAME_OFFSET, nameLength),
                in.peekU32(instanceOffset),
                in.peekU32(instanceOffset + Integer.BYTES),
                instanceOffset + 2 * Integer.BYTES);
    }

    /** The head of a device's section with a section id of 0, without its version, which the vmdescription may not know. */
    static ByteBuffer encode(DeviceState device) {
        byte[] name = device.name().getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(NAME_OFFSET + name.length + Integer.BYTES)
                .put((byte) SectionType.FULL.code())
                .putInt(0)
                .put((byte) name.length)
                .put(name)
                .putInt((int) device.instanceId());
    }

    /** Whether all of a head is at hand that begins {@code at} bytes from the next one. */
    static boolean isWhole(ElementInput in, int at) {
        return in.has(at + NAME_OFFSET)
                && in.has(at + NAME_OFFSET + in.peekU8(at + NAME_OFFSET - 1) + 2 * Integer.BYTES);
    }

    /** Whether the whole head that begins {@code at} bytes from the next one has a name as QEMU gives them. */
    static boolean isPlausible(ElementInput in, int at) {
        int nameLength = in.peekU8(at + NAME_OFFSET - 1);
        for (int index = 0; index < nameLength; index++) {
            int character = in.peekU8(at + NAME_OFFSET + index);
            if (character < ' ' || character > '~') { // i.MX RNGC has a blank
                return false;
            }
        }
        return nameLength > 0;
    }
}
