package org.stateferry.source;

import org.jspecify.annotations.Nullable;

/**
 * How a libvirt save file stores the migration stream (libvirt {@code src/qemu/qemu_saveimage.h},
 * {@code virQEMUSaveFormat}). The ordinal of a constant is its number in the file; libvirt never reuses a number.
 */
public enum SaveFormat {
    /** The stream itself. */
    RAW("raw", null),
    /** Output of {@code gzip -c}. */
    GZIP("gzip", ForeignFormat.GZIP),
    /** Output of {@code bzip2 -c}. */
    BZIP2("bzip2", ForeignFormat.BZIP2),
    /** Output of {@code xz -c}. */
    XZ("xz", ForeignFormat.XZ),
    /** Output of {@code lzop -c}. */
    LZOP("lzop", ForeignFormat.LZOP),
    /** Output of {@code zstd -c}. */
    ZSTD("zstd", ForeignFormat.ZSTD),
    /** A stream with the capability mapped-ram, with offsets from the start of the file; since libvirt 11.2. */
    SPARSE("sparse", null);

    private final String label;
    private final @Nullable ForeignFormat compression;

    SaveFormat(String label, @Nullable ForeignFormat compression) {
        this.label = label;
        this.compression = compression;
    }

    /** The format's name in libvirt's {@code save_image_format}. */
    public String label() {
        return label;
    }

    /** The compression of a payload in this format, or null if it is not compressed. */
    @Nullable
    ForeignFormat compression() {
        return compression;
    }

    /** The format with this number, or null if there is none. */
    static @Nullable SaveFormat of(long number) {
        return number >= 0 && number < values().length ? values()[(int) number] : null;
    }
}
