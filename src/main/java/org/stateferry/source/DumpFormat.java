package org.stateferry.source;

/** The formats of dumps. */
public enum DumpFormat {
    /** The format is detected from the dump's first bytes. */
    AUTO,
    /** A plain QEMU migration stream that begins with the first byte. */
    PLAIN,
    /** Any bytes, taken as they are without a check. */
    OPAQUE
}
