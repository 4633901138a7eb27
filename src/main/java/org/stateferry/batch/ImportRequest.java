package org.stateferry.batch;

import java.nio.file.Path;
import org.stateferry.source.DumpFormat;
import org.stateferry.storage.IoMode;

/**
 * What an operator asks for: one dump, one image, one snapshot name, and how to go about it.
 *
 * @param dump the dump; opened read-only
 * @param image the qcow2 image that receives the snapshot
 * @param name the snapshot's name
 * @param format the dump's form, or {@link DumpFormat#AUTO}
 * @param io how the data reaches the file
 * @param strict whether a warning about a disk newer than the dump is a refusal
 * @param allowBitmaps whether an image with persistent bitmaps is accepted although QEMU cannot revert it
 * @param lock whether the image is locked; false only on file systems without locks
 * @param verify whether the vmstate is read back from the image before the switch
 * @param limitBytesPerSecond upper bound of the transfer rate, or 0 for none
 */
public record ImportRequest(
        Path dump,
        Path image,
        String name,
        DumpFormat format,
        IoMode io,
        boolean strict,
        boolean allowBitmaps,
        boolean lock,
        boolean verify,
        long limitBytesPerSecond) {}
