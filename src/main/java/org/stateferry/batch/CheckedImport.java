package org.stateferry.batch;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpSource;

/** What the checks of an import see of it, whether its image is there or only planned. For one thread. */
abstract class CheckedImport {
    private final ImportRequest request;
    private final ImportProgress progress;
    private final StopSignal stop;
    private final List<String> warnings = new ArrayList<>();

    CheckedImport(ImportRequest request, ImportProgress progress, StopSignal stop) {
        this.request = request;
        this.progress = progress;
        this.stop = stop;
    }

    final ImportRequest request() {
        return request;
    }

    final ImportProgress progress() {
        return progress;
    }

    final StopSignal stop() {
        return stop;
    }

    abstract DumpSource dump();

    abstract OtherDisks otherDisks();

    /** Where the image that gets the vmstate is, or is to be in the end. */
    abstract Path imagePath();

    /** When somebody else last modified the image; as of the time when it was opened. */
    abstract Instant modifiedByOthers() throws StateferryException;

    /** Warns the operator, and keeps the warning. */
    final void warn(String line) {
        warnings.add(line);
        progress.warning(line);
    }

    /** The warnings so far. */
    final List<String> warnings() {
        return List.copyOf(warnings);
    }

    /** Tells the operator what is no reason to worry. */
    final void notice(String line) {
        progress.notice(line);
    }

    /** Throws if the import is to end; for work that has no other way to end early. */
    final void requireNotStopped() throws StateferryException {
        if (stop.isRequested()) {
            throw ImportSession.interrupted();
        }
    }
}
