package org.stateferry.service;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportRequest;
import org.stateferry.qcow2.NewImage;

/**
 * One scheduled import, as a file in {@code jobs/} describes it. Relative paths are taken from the service's working directory.
 *
 * @param job the file's name without {@code .yaml} or {@code .yml}; the metrics' tag {@code job}
 * @param dump the dump; it may come and go
 * @param image the image that receives the snapshots
 * @param newImage what the image is to be like if each import makes it, or null if it must exist
 * @param also the other disks, which get snapshots without the state
 * @param name how the snapshots are named
 * @param schedule what the operator wrote, for people
 * @param times when the import is due
 * @param options how to go about it
 */
record JobDefinition(
        String job,
        Path dump,
        Path image,
        @Nullable NewImage newImage,
        List<Path> also,
        NamePattern name,
        String schedule,
        FiringTimes times,
        ImportOptions options) {

    /** The request for the dump as it was last modified. */
    ImportRequest requestFor(Instant modified) {
        return new ImportRequest(dump, image, name.nameFor(modified), also, newImage, options);
    }
}
