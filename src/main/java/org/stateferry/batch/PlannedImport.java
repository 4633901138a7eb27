package org.stateferry.batch;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;

/** An import whose image is not made, as it is only to be checked. All other files are open, and the other disks locked. */
final class PlannedImport extends CheckedImport implements AutoCloseable {
    private final DumpSource dump;
    private final OtherDisks otherDisks;
    private final List<AutoCloseable> files;

    private PlannedImport(
            ImportRequest request,
            ImportProgress progress,
            StopSignal stop,
            DumpSource dump,
            OtherDisks otherDisks,
            List<AutoCloseable> files) {
        super(request, progress, stop);
        this.dump = dump;
        this.otherDisks = otherDisks;
        this.files = files;
    }

    /**
     * Opens the dump and the other disks, or none.
     *
     * @throws StateferryException as {@link SessionFiles#open}
     */
    static PlannedImport open(ImportRequest request, StateferryHome home, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        LockedImages.requireDistinctFiles(request);
        List<AutoCloseable> files = new ArrayList<>(); // in the order in which they are to be closed
        try {
            files.add(OpenImages.reserveDump(request.dump()));
            DumpSource dump = DumpSources.open(request.dump(), request.options().format());
            files.add(0, dump);
            List<OpenImage> disks = LockedImages.openOthers(request);
            files.addAll(disks);
            OtherDisks otherDisks = OtherDisks.of(disks, home, FileAccess.PLAIN);
            files.add(0, otherDisks);
            return new PlannedImport(request, progress, stop, dump, otherDisks, files);
        } catch (StateferryException | RuntimeException | Error e) {
            files.forEach(open -> Closing.after(e, open));
            throw e;
        }
    }

    @Override
    DumpSource dump() {
        return dump;
    }

    @Override
    OtherDisks otherDisks() {
        return otherDisks;
    }

    @Override
    Path imagePath() {
        return request().image();
    }

    /** Nobody has written to what is not there. */
    @Override
    Instant modifiedByOthers() {
        return Instant.EPOCH;
    }

    @Override
    public void close() throws StateferryException {
        Closing.all(files);
    }
}
