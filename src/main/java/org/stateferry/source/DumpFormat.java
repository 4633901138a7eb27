package org.stateferry.source;

import org.jspecify.annotations.Nullable;
import org.stateferry.source.codec.Codec;

/** The formats of dumps that can be asked for. */
public enum DumpFormat {
    /** The format is detected from the dump's first bytes. */
    AUTO(null),
    /** A plain QEMU migration stream that begins with the first byte. */
    PLAIN(null),
    /** Any bytes, taken as they are without a check. */
    OPAQUE(null),
    /** A libvirt save file. */
    LIBVIRT(null),
    /** A migration stream compressed with gzip. */
    GZIP(Codec.GZIP),
    /** A migration stream compressed with zstd. */
    ZSTD(Codec.ZSTD),
    /** A migration stream compressed with xz. */
    XZ(Codec.XZ),
    /** A migration stream compressed with bzip2. */
    BZIP2(Codec.BZIP2),
    /** A migration stream compressed with lz4. */
    LZ4(Codec.LZ4),
    /** A migration stream compressed with lzop. */
    LZOP(Codec.LZOP);

    private final @Nullable Codec codec;

    DumpFormat(@Nullable Codec codec) {
        this.codec = codec;
    }

    /** What a dump of this format is compressed with, or null if it need not be. */
    @Nullable
    Codec codec() {
        return codec;
    }
}
