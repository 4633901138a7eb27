package org.stateferry.source;

/** How the guest's memory lies in the stream that a dump is read as. */
public enum RamLayout {
    /** In records one after the other, which every QEMU loads. What lies otherwise in the dump is re-encoded. */
    PLAIN,
    /** Each page at a place of its own (migration capability mapped-ram), for QEMU 10.2 and later. */
    MAPPED
}
