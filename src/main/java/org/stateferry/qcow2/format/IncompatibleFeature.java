package org.stateferry.qcow2.format;

import java.util.ArrayList;
import java.util.List;

/** Incompatible feature bits (qcow2 specification, "Header"): a program that does not know one must not open the image. */
public enum IncompatibleFeature {
    /** Refcounts may be stale after an unclean end with lazy refcounts. */
    DIRTY("dirty bit"),
    /** QEMU found the image damaged and no longer writes to it. */
    CORRUPT("corrupt bit"),
    /** Guest data lies in another file. */
    EXTERNAL_DATA_FILE("external data file"),
    /** The compression type is not deflate. */
    COMPRESSION_TYPE("compression type"),
    /** L2 entries are 16 bytes. */
    EXTENDED_L2("extended L2 entries");

    private final String description;

    IncompatibleFeature(String description) {
        this.description = description;
    }

    /** What the bit stands for, in words. */
    public String description() {
        return description;
    }

    /** Whether the feature is on in a header's {@code incompatible_features}. */
    public boolean isIn(long features) {
        return (features & mask()) != 0;
    }

    /** The numbers of the bits that are set and known to nobody here. */
    public static List<Integer> unknownBits(long features) {
        List<Integer> unknown = new ArrayList<>();
        for (int bit = values().length; bit < Long.SIZE; bit++) {
            if ((features >>> bit & 1) != 0) {
                unknown.add(bit);
            }
        }
        return unknown;
    }

    private long mask() {
        return 1L << ordinal();
    }
}
