package org.stateferry.importer;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.qcow2.NewImage;

/**
 * What an operator asks for: one dump, one image, one snapshot name, and how to go about it. Whether the snapshot is to be made
 * or is there makes no other import of it.
 *
 * @param dump the dump; opened read-only
 * @param image the qcow2 image that receives the snapshot with the vmstate
 * @param name the snapshot's name
 * @param into whether the snapshot of that name is there, in every image, and is of the disk alone: then it is given its state
 * @param otherDisks qcow2 images that receive a snapshot of the same name without vmstate
 * @param newImage what {@code image} is to be like if it is to be created, or null if it must exist
 * @param options how to go about it
 */
public record ImportRequest(
        Path dump,
        Path image,
        String name,
        boolean into,
        List<Path> otherDisks,
        @Nullable NewImage newImage,
        ImportOptions options) {
    /** How many other disks one import takes. */
    public static final int OTHER_DISKS_MAX = 64;

    public ImportRequest {
        otherDisks = List.copyOf(otherDisks);
    }

    /** An import into one image that exists. */
    public ImportRequest(Path dump, Path image, String name, ImportOptions options) {
        this(dump, image, name, List.of(), null, options);
    }

    /** An import that makes a snapshot. */
    public ImportRequest(
            Path dump,
            Path image,
            String name,
            List<Path> otherDisks,
            @Nullable NewImage newImage,
            ImportOptions options) {
        this(dump, image, name, false, otherDisks, newImage, options);
    }
}
