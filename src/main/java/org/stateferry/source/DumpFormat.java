package org.stateferry.source;

/** The forms in which a dump can be given. */
public enum DumpFormat {
    /** Found out from the dump itself. */
    AUTO,
    /** A plain QEMU migration stream from the first byte on. */
    PLAIN,
    /** Any bytes; nothing is checked and nothing is left out. */
    OPAQUE
}
