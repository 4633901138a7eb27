package org.stateferry.batch;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Export;
import org.stateferry.exporter.ExportOutcome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;

/** The state that the steps of one export attempt share. Used by one thread. */
final class ExportAttempt {
    private final Export export;
    private final ImportProgress progress;
    private final StopSignal stop;
    private @Nullable StateferryException firstFailure;
    private long written;
    private @Nullable ExportOutcome outcome;

    ExportAttempt(Export export, ImportProgress progress, StopSignal stop) {
        this.export = export;
        this.progress = progress;
        this.stop = stop;
    }

    Export export() {
        return export;
    }

    ImportProgress progress() {
        return progress;
    }

    /** So many bytes were written into the file. */
    void addWritten(long count) {
        written += count;
    }

    /** How many bytes were written into the file. */
    long written() {
        return written;
    }

    boolean isStopRequested() {
        return stop.isRequested();
    }

    /** The failure that came first counts. */
    void noteFailure(StateferryException failure) {
        firstFailure = firstFailure == null ? failure : firstFailure;
    }

    @Nullable
    StateferryException firstFailure() {
        return firstFailure;
    }

    void complete() throws StateferryException {
        progress.stepStarted("complete");
        try {
            outcome = export.complete();
        } catch (StateferryException e) {
            noteFailure(e);
            throw e;
        }
    }

    @Nullable
    ExportOutcome outcome() {
        return outcome;
    }

    static StateferryException interruption() {
        return StateferryException.of(
                FailureKind.INTERRUPTED, "the export was interrupted before its file was complete");
    }
}
