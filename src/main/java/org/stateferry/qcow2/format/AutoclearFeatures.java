package org.stateferry.qcow2.format;

/**
 * Autoclear feature bits (qcow2 specification, "Header"): a program that changes the image clears those it does not know,
 * because what they vouch for may no longer hold.
 */
public final class AutoclearFeatures {
    /** Bit 0: the bitmaps extension is consistent. */
    public static final long BITMAPS = 1;
    /** Bit 1: the external data file is usable as a raw image. */
    public static final long RAW_EXTERNAL_DATA = 1L << 1;

    private AutoclearFeatures() {}

    /** The bits that stay valid when a snapshot is added: an import changes no guest data and no bitmap. */
    public static long afterImport(long features) {
        return features & (BITMAPS | RAW_EXTERNAL_DATA);
    }
}
