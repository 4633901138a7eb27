package org.stateferry.stream;

/**
 * The kinds of RAM records (QEMU {@code migration/ram.h}, {@code RAM_SAVE_FLAG_*}): flags in the low bits of a record's
 * first word, which the offset of a page leaves free. They are plain numbers and no enum, because a stream has a record
 * for every page of the guest.
 */
public final class RamFlag {
    /** A page of zeros: one zero byte follows. */
    public static final int ZERO = 0x002;
    /** The list of RAM blocks; the offset bits hold their total size. */
    public static final int MEM_SIZE = 0x004;
    /** A page: its bytes follow. */
    public static final int PAGE = 0x008;
    /** The end of this section's records. */
    public static final int END_OF_SECTION = 0x010;
    /** The page belongs to the same block as that of the record before, so no block name follows. */
    public static final int CONTINUE = 0x020;
    /** Changes to a page sent before: encoding byte, 16-bit length, runs. */
    public static final int XBZRLE = 0x040;
    /** Only in migrations by RDMA. */
    public static final int HOOK = 0x080;
    /** A page compressed with zlib; QEMU wrote these up to version 9.0. */
    public static final int COMPRESS_PAGE = 0x100;
    /** Pages were sent over other channels. */
    public static final int MULTIFD_FLUSH = 0x200;

    private RamFlag() {}
}
