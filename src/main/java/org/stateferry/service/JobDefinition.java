package org.stateferry.service;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportRequest;
import org.stateferry.qcow2.NewImage;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.service.definition.ImportWindow;
import org.stateferry.service.definition.OnSuccess;
import org.stateferry.service.definition.RetryRule;
import org.stateferry.service.definition.SourceRule;
import org.stateferry.service.notification.NotifyRule;
import org.stateferry.service.retention.KeepRule;
import org.stateferry.storage.OpenImages.Locking;

/**
 * What one file in {@code jobs/} describes. Relative paths are taken from the service's working directory.
 *
 * @param job the file's name without {@code .yaml} or {@code .yml}; the metrics' tag {@code job}
 * @param enabled whether it is used at all
 * @param source where its dumps come from; they may come and go
 * @param image how the image is named that receives the snapshots
 * @param newImage what the image is to be like if each import makes it, or null if it must exist
 * @param also how the other disks are named, which get snapshots without the state
 * @param name how the snapshots are named
 * @param into whether they are there, of the disk alone, and are given their state
 * @param schedule when it fires
 * @param window when its imports may run, or null if always
 * @param onSuccess what becomes of a dump that was imported
 * @param retry how failures that can pass are tried again beside the schedule, or null if not
 * @param keep which of its snapshots stay, or null if all do
 * @param verify when its snapshots are read back
 * @param concurrentMax how many of its imports may run at a time
 * @param priority of its imports in the queue; higher comes first
 * @param options how to go about it
 * @param notifyRule who is told of it, or null if the settings are to count
 * @param roots where all files must lie that it names
 */
record JobDefinition(
        String job,
        boolean enabled,
        SourceRule source,
        NamePattern image,
        @Nullable NewImage newImage,
        List<NamePattern> also,
        NamePattern name,
        boolean into,
        Schedule schedule,
        @Nullable ImportWindow window,
        OnSuccess onSuccess,
        @Nullable RetryRule retry,
        @Nullable KeepRule keep,
        Schedule verify,
        int concurrentMax,
        int priority,
        ImportOptions options,
        @Nullable NotifyRule notifyRule,
        FileRoots roots) {
    /**
     * The request for a dump.
     *
     * @throws StateferryException if the dump cannot give the names that the definition asks for
     */
    ImportRequest requestFor(DumpFacts dump) throws StateferryException {
        List<Path> disks = new ArrayList<>();
        for (NamePattern disk : also) {
            disks.add(disk.pathFor(dump));
        }
        return new ImportRequest(
                dump.path(), image.pathFor(dump), name.nameFor(dump), into, disks, newImage, options, roots);
    }

    /** What it asks for with a dump, as text: whenever it differs, so may the import. */
    String wanted() {
        return image + "\n" + name + "\n" + also + "\n" + options.choice() + "\n" + options.verify();
    }

    /** Whether its imports may run. */
    boolean isOpen(Instant now) {
        return window == null || window.isOpen(now);
    }

    /** How many places in the queue an import takes up. */
    int places() {
        return ImportQueue.places(options.compression() != Compression.NONE);
    }

    /** How its images are locked. */
    Locking locking() {
        return options.lock() ? Locking.EXCLUSIVE : Locking.NONE;
    }
}
