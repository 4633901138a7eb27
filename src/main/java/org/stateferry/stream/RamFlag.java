package org.stateferry.stream;

/**
 * The kinds of RAM records (QEMU {@code migration/ram.h}, {@code RAM_SAVE_FLAG_*}): flags in the low bits of a record's
 * first word, which the offset of a page leaves free. They are plain numbers and no enum, because a stream has a record
 * for every page of the guest.
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
    /** The page belongs to the same block as that of the record before, so no block name follows. */
    static final int CONTINUE = 0x020;
    /** Changes to a page sent before: encoding byte, 16-bit length, runs. */
    static final int XBZRLE = 0x040;
    /** Only in migrations by RDMA. */
    static final int HOOK = 0x080;
    /** A page compressed with zlib; QEMU wrote these up to version 9.0. */
    static final int COMPRESS_PAGE = 0x100;
    /** Pages were sent over other channels. */
    static final int MULTIFD_FLUSH = 0x200;

    private RamFlag() {}
}
