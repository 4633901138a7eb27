package org.stateferry.source;

import org.jspecify.annotations.Nullable;

/**
 * How a libvirt save file stores the migration stream (libvirt {@code src/qemu/qemu_saveimage.h},
 * {@code virQEMUSaveFormat}). The numbers are on disk and never reused: they are the constants' order.
 */
public enum SaveFormat {
    /** The stream as it is. */
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
    /** A stream with the capability mapped-ram, whose offsets count from the start of the file; since libvirt 11.2. */
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

    /** What a payload of this format begins with, or null if that is the stream itself. */
    @Nullable
    ForeignFormat compression() {
        return compression;
    }

    /** The format of a number on disk, or null if there is none. */
    static @Nullable SaveFormat of(long number) {
        return number >= 0 && number < values().length ? values()[(int) number] : null;
    }
}
