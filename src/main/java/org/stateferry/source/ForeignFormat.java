package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** Formats of files that are no migration stream, recognised by their first bytes, and what the user can do with them. */
enum ForeignFormat {
    LIBVIRT_SAVE(
            text("LibvirtQemudSave"),
            FailureKind.DUMP_UNFIT,
            "a libvirt save file",
            "save the state with QEMU's migrate to a file instead"),
    LIBVIRT_PARTIAL(
            text("LibvirtQemudPart"),
            FailureKind.DUMP_INVALID,
            "a libvirt save file that was never finished",
            "save the state again"),
    GZIP(hex("1f8b"), FailureKind.DUMP_UNFIT, "compressed with gzip", "decompress it first (gzip -d)"),
    XZ(hex("fd377a585a00"), FailureKind.DUMP_UNFIT, "compressed with xz", "decompress it first (xz -d)"),
    ZSTD(hex("28b52ffd"), FailureKind.DUMP_UNFIT, "compressed with zstd", "decompress it first (zstd -d)"),
    BZIP2(text("BZh"), FailureKind.DUMP_UNFIT, "compressed with bzip2", "decompress it first (bzip2 -d)"),
    LZOP(hex("894c5a4f000d0a1a0a"), FailureKind.DUMP_UNFIT, "compressed with lzop", "decompress it first (lzop -d)"),
    ELF(
            hex("7f454c46"),
            FailureKind.DUMP_UNFIT,
            "an ELF file, as virsh dump and dump-guest-memory write it: memory without devices",
            "save the state with QEMU's migrate to a file instead"),
    KDUMP(
            text("KDUMP   "),
            FailureKind.DUMP_UNFIT,
            "a kdump file, as dump-guest-memory writes it: memory without devices",
            "save the state with QEMU's migrate to a file instead"),
    QCOW2(hex("514649fb"), FailureKind.DUMP_UNFIT, "a qcow2 image", "give the dump first and the image after it");

    /** The length of the longest magic in bytes. */
    static final int MAGIC_SIZE_MAX = 16;

    private final byte[] magic;
    private final FailureKind kind;
    private final String description;
    private final String advice;

    ForeignFormat(byte[] magic, FailureKind kind, String description, String advice) {
        this.magic = magic;
        this.kind = kind;
        this.description = description;
        this.advice = advice;
    }

    private static byte[] text(String magic) {
        return magic.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] hex(String magic) {
        return HexFormat.of().parseHex(magic);
    }

    /** The format of a file that begins with these bytes, or null if it is not one of these formats. */
    static @Nullable ForeignFormat of(ByteBuffer prefix) {
        for (ForeignFormat format : values()) {
            int size = format.magic.length;
            if (prefix.remaining() >= size
                    && prefix.slice(prefix.position(), size).equals(ByteBuffer.wrap(format.magic))) {
                return format;
            }
        }
        return null;
    }

    /** What a file of this format is, to follow "it is". */
    String description() {
        return description;
    }

    /** What the user can do with a file of this format. */
    String advice() {
        return advice;
    }

    /** The failure for a dump of this format. */
    StateferryException refuse(Path file) {
        return StateferryException.at(kind, file, 0, "the dump is " + description)
                .advise(advice);
    }
}
