package org.stateferry.service;

import java.nio.file.Path;
import java.time.Instant;
import org.springframework.scheduling.Trigger;
import org.stateferry.batch.ImportRequest;
import org.stateferry.source.DumpFormat;
import org.stateferry.storage.IoMode;

/**
 * One scheduled import, as a file in {@code jobs/} describes it. Relative paths are taken from the service's working directory.
 *
 * @param job the file's name without {@code .yaml}; the metrics' tag {@code job}
 * @param dump the dump; it may come and go
 * @param image the image that receives the snapshots
 * @param name how the snapshots are named
 * @param schedule what the operator wrote, for people
 * @param trigger when the import is due
 * @param options how to go about it
 */
record JobDefinition(
        String job, Path dump, Path image, NamePattern name, String schedule, Trigger trigger, Options options) {

    /** The options of an import; the same as those of the command line. */
    record Options(
            DumpFormat format,
            IoMode io,
            boolean strict,
            boolean allowBitmaps,
            boolean lock,
            boolean verify,
            long limitBytesPerSecond) {}

    /** The request for the dump as it was last modified. */
    ImportRequest requestFor(Instant modified) {
        return new ImportRequest(
                dump,
                image,
                name.nameFor(modified),
                options.format,
                options.io,
                options.strict,
                options.allowBitmaps,
                options.lock,
                options.verify,
                options.limitBytesPerSecond);
    }
}
