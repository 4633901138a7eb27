package org.stateferry.stream;

/**
 * What a RAM record is, in the bits of its first word that a page's offset leaves free (QEMU {@code migration/ram.h},
 * {@code RAM_SAVE_FLAG_*}). Plain numbers, because a stream has one for every page of the guest.
 */
final class RamFlag {
    /** A page of zeros: one zero byte follows. */
    static final int ZERO = 0x002;
    /** The list of RAM blocks; the offset bits hold their total size. */
    static final int MEM_SIZE = 0x004;
    /** A page: its bytes follow. */
    static final int PAGE = 0x008;
    /** The end of this section's records. */
    static final int END_OF_SECTION = 0x010;
    /** The record concerns the same block as the one before it, so no block name follows. */
    static final int CONTINUE = 0x020;
    /** Changes to a page sent before: encoding byte, 16-bit length, runs. */
    static final int XBZRLE = 0x040;
    /** RDMA only. */
    static final int HOOK = 0x080;
    /** A deflated page; QEMU had this up to 9.0. */
    static final int COMPRESS_PAGE = 0x100;
    /** Pages have travelled on other channels. */
    static final int MULTIFD_FLUSH = 0x200;

    private RamFlag() {}
}
