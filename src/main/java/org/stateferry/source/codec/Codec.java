package org.stateferry.source.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a stream can be compressed with from outside, recognised by the first bytes of the compressed data. */
public enum Codec {
    /** Output of gzip, pigz or bgzip: any number of members (RFC 1952). */
    GZIP("1f8b08"),
    /** Output of zstd: any number of frames (RFC 8878). */
    ZSTD("28b52ffd"),
    /** Output of xz: any number of streams (the .xz file format). */
    XZ("fd377a585a00"),
    /** Output of bzip2: any number of streams. */
    BZIP2("425a68"),
    /** Output of lz4: any number of frames (the LZ4 frame format; not the legacy one). */
    LZ4("04224d18"),
    /** Output of lzop. */
    LZOP("894c5a4f000d0a1a0a");

    /** How many bytes {@link #at} needs. */
    public static final int MAGIC_SIZE_MAX = 9;

    /** Bytes of a skippable frame before its content: magic and little-endian size (RFC 8878, section 3.1.2). */
    static final int SKIPPABLE_HEAD_SIZE = 8;

    private static final int SKIPPABLE_MASK = 0xfffffff0;
    private static final int SKIPPABLE_MAGIC = 0x184d2a50;

    private final byte[] magic;

    Codec(String magic) {
        this.magic = HexFormat.of().parseHex(magic);
    }

    /** The name of the tool and of the format, in lower case. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether these are the first bytes of data in this format. */
    public boolean isAt(ByteBuffer start) {
        return start.remaining() >= magic.length
                && start.slice(start.position(), magic.length).equals(ByteBuffer.wrap(magic));
    }

    /** Whether frames without content may lie between and before those with content; zstd and lz4 have the same. */
    boolean hasSkippableFrames() {
        return this == ZSTD || this == LZ4;
    }

    /** The size of the skippable frame that begins so, with its head; 0 if none does. */
    static long skippableSize(ByteBuffer start) {
        ByteBuffer head = start.slice().order(ByteOrder.LITTLE_ENDIAN);
        return head.remaining() >= SKIPPABLE_HEAD_SIZE && (head.getInt() & SKIPPABLE_MASK) == SKIPPABLE_MAGIC
                ? SKIPPABLE_HEAD_SIZE + Integer.toUnsignedLong(head.getInt())
                : 0;
    }

    /**
     * The codec of data that begins with these bytes, or null if it is none of them. Skippable frames may come first, as pzstd writes
     * them; if all that is there belongs to them, it is taken for zstd.
     */
    public static @Nullable Codec at(ByteBuffer start) {
        ByteBuffer rest = start.slice();
        long skipped = skippableSize(rest);
        boolean skippable = skipped > 0;
        while (skipped > 0) {
            if (skipped >= rest.remaining()) {
                return ZSTD;
            }
            rest.position(rest.position() + (int) skipped);
            skipped = skippableSize(rest);
        }
        for (Codec codec : values()) {
            if (codec.isAt(rest) && (!skippable || codec.hasSkippableFrames())) {
                return codec;
            }
        }
        return null;
    }
}
