package org.stateferry.importer;

import org.jspecify.annotations.Nullable;
import org.stateferry.source.DumpChoice;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImages.Locking;

/**
 * The options of an import. None of it makes another import of it: a restart may use other options.
 *
 * @param choice what is taken from the dump: its form, and where it begins
 * @param io how the data reaches the file
 * @param compression how the vmstate's clusters are stored
 * @param strict whether a warning about a disk newer than the dump is a refusal
 * @param allowBitmaps whether an image with persistent bitmaps is accepted although QEMU cannot revert it
 * @param lock whether the image is locked; false only on file systems without locks
 * @param verify whether the vmstate is read back from the image before the switch; from the disk itself only where it was
 *     written directly or has the dump's blocks, else as a rule from the page cache
 * @param limitBytesPerSecond upper bound of the transfer rate, or 0 for none
 */
public record ImportOptions(
        DumpChoice choice,
        IoMode io,
        Compression compression,
        boolean strict,
        boolean allowBitmaps,
        boolean lock,
        boolean verify,
        long limitBytesPerSecond) {
    /** What is done if nothing is asked for. */
    public static final ImportOptions DEFAULTS =
            new ImportOptions(DumpChoice.ANY, IoMode.AUTO, Compression.NONE, false, false, true, false, 0);

    /** What would let the state take less space than it has bytes, as in "if the state cannot be compressed", or null. */
    @Nullable
    public String spaceHope() {
        if (compression == Compression.IMAGE) {
            return "the state cannot be compressed";
        }
        return io == IoMode.REFLINK ? "the image cannot have the dump's blocks" : null;
    }

    /** How the images are to be locked. */
    public Locking locking() {
        return lock ? Locking.EXCLUSIVE : Locking.NONE;
    }

    /** How the vmstate's clusters are stored. */
    public enum Compression {
        /** As they are. */
        NONE,
        /** Compressed in the way that the image's header names, where that saves space. */
        IMAGE
    }
}
