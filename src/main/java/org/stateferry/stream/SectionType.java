package org.stateferry.stream;

import org.jspecify.annotations.Nullable;

/**
 * The byte that each section of a migration stream begins with (QEMU {@code migration/savevm.h}, {@code QEMU_VM_*}).
 *
 * <p>A section does not state its length: a reader must know the layout of the device's data.
 */
public enum SectionType {
    /** The stream's end; only a vmdescription may follow. */
    EOF(0x00),
    /** An iterative device begins: section id, name, instance id, version id, payload. */
    START(0x01),
    /** Further data of an iterative device: section id, payload. */
    PART(0x02),
    /** The last data of an iterative device: section id, payload. */
    END(0x03),
    /** All data of a device; has the same layout as {@link #START}. */
    FULL(0x04),
    /** An optional part of a device's data or of the configuration; not a section of its own. */
    SUBSECTION(0x05),
    /** The JSON after {@link #EOF}: 32-bit length, text. */
    VMDESCRIPTION(0x06),
    /** The configuration section, right after the header. */
    CONFIGURATION(0x07),
    /** A control message: 16-bit command, 16-bit length, data. */
    COMMAND(0x08),
    /** Follows a section: section id. Streams of machine types before 2.4 have none. */
    FOOTER(0x7e);

    private final int code;

    SectionType(int code) {
        this.code = code;
    }

    /** The byte in the stream, unsigned. */
    public int code() {
        return code;
    }

    /** The type that {@code code} stands for, or null if QEMU has none. */
    public static @Nullable SectionType of(int code) {
        return switch (code) {
            case 0x00 -> EOF;
            case 0x01 -> START;
            case 0x02 -> PART;
            case 0x03 -> END;
            case 0x04 -> FULL;
            case 0x05 -> SUBSECTION;
            case 0x06 -> VMDESCRIPTION;
            case 0x07 -> CONFIGURATION;
            case 0x08 -> COMMAND;
            case 0x7e -> FOOTER;
            default -> null;
        };
    }
}
