package org.stateferry.source;

import org.jspecify.annotations.Nullable;
import org.stateferry.source.codec.Codec;

/**
 * How a libvirt save file stores the migration stream (libvirt {@code src/qemu/qemu_saveimage.h},
 * {@code virQEMUSaveFormat}). The ordinal of a constant is its number in the file; libvirt never reuses a number.
 */
public enum SaveFormat {
    /** The stream itself. */
    RAW("raw", null),
    /** Output of {@code gzip -c}. */
    GZIP("gzip", Codec.GZIP),
    /** Output of {@code bzip2 -c}. */
    BZIP2("bzip2", Codec.BZIP2),
    /** Output of {@code xz -c}. */
    XZ("xz", Codec.XZ),
    /** Output of {@code lzop -c}. */
    LZOP("lzop", Codec.LZOP),
    /** Output of {@code zstd -c}. */
    ZSTD("zstd", Codec.ZSTD),
    /** A stream with the capability mapped-ram, with offsets from the start of the file; since libvirt 11.2. */
    SPARSE("sparse", null);

    private final String label;
    private final @Nullable Codec codec;

    SaveFormat(String label, @Nullable Codec codec) {
        this.label = label;
        this.codec = codec;
    }

    /** The format's name in libvirt's {@code save_image_format}. */
    public String label() {
        return label;
    }

    /** What a payload in this format is compressed with, or null if it is not. */
    @Nullable
    Codec codec() {
        return codec;
    }

    /** The format with this number, or null if there is none. */
    static @Nullable SaveFormat of(long number) {
        return number >= 0 && number < values().length ? values()[(int) number] : null;
    }
}
