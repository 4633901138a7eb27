package org.stateferry.importer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
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
 * @param roots where all these files must lie when they are opened
 */
public record ImportRequest(
        Path dump,
        Path image,
        String name,
        boolean into,
        List<Path> otherDisks,
        @Nullable NewImage newImage,
        ImportOptions options,
        FileRoots roots) {
    /** How many other disks one import takes. */
    public static final int OTHER_DISKS_MAX = 64;

    public ImportRequest {
        otherDisks = List.copyOf(otherDisks);
    }

    /** An import of files that may lie anywhere. */
    public ImportRequest(
            Path dump,
            Path image,
            String name,
            boolean into,
            List<Path> otherDisks,
            @Nullable NewImage newImage,
            ImportOptions options) {
        this(dump, image, name, into, otherDisks, newImage, options, FileRoots.ANYWHERE);
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
        this(dump, image, name, false, otherDisks, newImage, options, FileRoots.ANYWHERE);
    }

    /** The same of files that must lie in some folders, wherever their paths lead by the time when they are opened. */
    public ImportRequest within(FileRoots somewhere) {
        return new ImportRequest(dump, image, name, into, otherDisks, newImage, options, somewhere);
    }

    /**
     * The same with all its paths resolved, of files that must lie in some folders now and when they are opened.
     *
     * @throws StateferryException of kind {@link org.stateferry.error.FailureKind#USAGE} if one of them lies elsewhere
     */
    public ImportRequest confinedTo(FileRoots somewhere) throws StateferryException {
        List<Path> disks = new ArrayList<>();
        for (Path disk : otherDisks) {
            disks.add(somewhere.confine(disk));
        }
        return new ImportRequest(
                somewhere.confine(dump), somewhere.confine(image), name, into, disks, newImage, options, somewhere);
    }
}
