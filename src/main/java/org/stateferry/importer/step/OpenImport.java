package org.stateferry.importer.step;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.Interruption;
import org.stateferry.importer.image.OtherDisks;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.source.DumpSource;

/**
 * An import whose files are open and whose images are locked; the image itself may be open or only planned. The checks of
 * an import work on it, whether it is carried out or only tried.
 *
 * <p>For one thread.
 */
public abstract class OpenImport implements AutoCloseable {
    private final ImportRequest request;
    private final ImportProgress progress;
    private final StopSignal stop;
    private final List<String> warnings = new ArrayList<>();
    private @Nullable SnapshotPresence presence;
    private @Nullable RemainingWork remainingWork;

    OpenImport(ImportRequest request, ImportProgress progress, StopSignal stop) {
        this.request = request;
        this.progress = progress;
        this.stop = stop;
    }

    /** What was asked for. */
    public final ImportRequest request() {
        return request;
    }

    /** Hears how the import gets on. */
    public final ImportProgress progress() {
        return progress;
    }

    /** Tells whether the import is to end. */
    public final StopSignal stop() {
        return stop;
    }

    abstract DumpSource dump();

    /** The length of the stream in bytes; empty as long as the dump does not tell it, and has not been read to its end. */
    public OptionalLong streamLength() {
        return dump().streamLength();
    }

    abstract OtherDisks otherDisks();

    /** The real path of the image that gets the vmstate, which a new one has only in the end. */
    abstract Path imagePath();

    /** The image as it was, or as it would be made, before anything of the import is in it. */
    abstract Qcow2Image image();

    /** Whether the image is one that this import makes: it does not have its own name yet. */
    abstract boolean isNewImage();

    /** The image's journal, if an import left one. */
    abstract Optional<Journal> journal() throws StateferryException;

    /** When somebody else last modified the image; as of the time when it was opened. */
    abstract Instant modifiedByOthers() throws StateferryException;

    /** Bytes that the image takes as soon as it is made, if that is still to come. */
    abstract long sizeToBeMade();

    /** Bytes that the image's file system has for it. */
    abstract long usableSpace() throws StateferryException;

    /** Whether the image holds a snapshot of the name asked for, and whether it is this dump's; found out once. */
    public final SnapshotPresence presence() throws StateferryException {
        if (presence == null) {
            presence = SnapshotPresence.find(this, image());
        }
        return presence;
    }

    /**
     * What is left to do. Decided once, when it is first asked for, and by the images as they are then; warns if the image
     * holds the vmstate but is not of the size asked for.
     */
    public final RemainingWork remainingWork() throws StateferryException {
        if (remainingWork == null) {
            remainingWork = decide();
        }
        return remainingWork;
    }

    private RemainingWork decide() throws StateferryException {
        if (!presence().sameVmState()) {
            return RemainingWork.EVERYTHING;
        }
        NewImage asked = request.newImage();
        long size = image().header().size();
        if (asked != null && asked.size() != size) {
            warn("the image's virtual size is " + size + " bytes, not the " + asked.size() + " asked for");
        }
        return otherDisks().allHold(request.name()) ? RemainingWork.NOTHING : RemainingWork.OTHER_DISKS;
    }

    /** Warns the operator, and keeps the warning. */
    final void warn(String line) {
        warnings.add(line);
        progress.warning(line);
    }

    /** The warnings so far. */
    public final List<String> warnings() {
        return List.copyOf(warnings);
    }

    /** Tells the operator what is no reason to worry. */
    final void notice(String line) {
        progress.notice(line);
    }

    /** Throws if the import is to end; for work that has no other way to end early. */
    final void requireNotStopped() throws StateferryException {
        Interruption.requireNone(stop);
    }

    @Override
    public abstract void close() throws StateferryException;
}
