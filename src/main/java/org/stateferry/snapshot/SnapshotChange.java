package org.stateferry.snapshot;

import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.FreedClusters;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SnapshotRemover;
import org.stateferry.qcow2.SnapshotRenamer;
import org.stateferry.qcow2.StagedSwitch;
import org.stateferry.qcow2.SwitchStage;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/**
 * One change of an image's snapshots: the image is locked and checked, the new one is written beside the old one, forced and
 * checked as a whole, and one write of the header's first sector switches over. Whoever dies when, the image is the old one or
 * the new one. A change that fails before its switch leaves the file as long as it was.
 *
 * <p>Not thread-safe; one instance changes the image once.
 */
public final class SnapshotChange implements AutoCloseable {
    private final OpenImage open;
    private final ImageFile file;
    private final Cancellation cancellation;
    private final Qcow2Image image;
    private final CheckReport report;
    private boolean switching;

    /**
     * What came of a deletion.
     *
     * @param entries the snapshots that are gone
     * @param bytesFreed by how many bytes less of the file is in use
     * @param bytesGivenBack how many of the bytes that became free the file system has got back; the others stay in the file for
     *     later use
     */
    public record Deletion(List<SnapshotTableEntry> entries, long bytesFreed, long bytesGivenBack) {}

    /**
     * What came of a change of name.
     *
     * @param before the snapshot as it was
     * @param after as it is now
     */
    public record Renaming(SnapshotTableEntry before, SnapshotTableEntry after) {}

    /** How the new image is written. */
    @FunctionalInterface
    private interface Writing {
        SwitchStage write() throws StateferryException;
    }

    private SnapshotChange(OpenImage open, ImageFile file, Cancellation cancellation) throws StateferryException {
        this.open = open;
        this.file = file;
        this.cancellation = cancellation;
        this.image = Qcow2Image.open(file);
        ImportRequirements.requireChangeable(image);
        this.report = MetadataCheck.run(image, cancellation);
        ImportRequirements.requireConsistent(image, report);
    }

    /**
     * Opens and locks an image, and checks it.
     *
     * @param cancellation asked until shortly before the switch
     * @throws StateferryException with kind IMAGE_IN_USE if anybody else has it open, or of the kinds of an image that cannot be
     *     changed; it is as it was then
     */
    public static SnapshotChange open(Path path, Locking locking, Cancellation cancellation)
            throws StateferryException {
        return open(path, locking, cancellation, UnaryOperator.identity());
    }

    /**
     * The same through a file of one's own.
     *
     * @param access puts it before the file of the image
     */
    public static SnapshotChange open(
            Path path, Locking locking, Cancellation cancellation, UnaryOperator<ImageFile> access)
            throws StateferryException {
        OpenImage open = OpenImages.openForUpdate(path, locking);
        try {
            return new SnapshotChange(open, access.apply(open.file()), cancellation);
        } catch (StateferryException | RuntimeException | Error e) {
            try {
                open.close();
            } catch (StateferryException alsoFailed) {
                e.addSuppressed(alsoFailed);
            }
            throw e;
        }
    }

    /** The snapshots that the image has before the change. */
    public List<SnapshotTableEntry> snapshots() {
        return image.snapshotTable().entries();
    }

    /** Whether the switch was begun: then the image alone tells whether it is the old one or the new one. */
    public boolean hasBegunToSwitch() {
        return switching;
    }

    /**
     * Deletes snapshots, all with one switch. What becomes free is given back to the file system, where that can be done; the
     * file keeps its length.
     */
    public Deletion delete(SnapshotSelection selection) throws StateferryException {
        List<SnapshotTableEntry> entries = selection.in(image);
        change(() -> new SnapshotRemover(image, report, cancellation).write(entries));
        FreedClusters freed = new FreedClusters(image, Qcow2Image.open(file));
        long bytesFreed = freed.size();
        long[] givenBack = {0};
        // The new header is on stable storage, so nothing that is used leads here any more.
        freed.forEach((offset, size) -> givenBack[0] += open.giveBack(offset, size) ? size : 0);
        return new Deletion(entries, bytesFreed, givenBack[0]);
    }

    /**
     * Gives a snapshot another name.
     *
     * @param name by the rules of an import: no other snapshot's name or id, none that QEMU would cut
     */
    public Renaming rename(SnapshotSelection selection, String name) throws StateferryException {
        SnapshotTableEntry entry = selection.in(image).get(0);
        ImportRequirements.requireUsableName(image, name, entry);
        if (entry.hasName(name)) {
            return new Renaming(entry, entry);
        }
        if (image.snapshotTable().findByName(name).isPresent()) {
            throw StateferryException.in(
                            FailureKind.CONFLICT, open.path(), "there is a snapshot named \"" + name + "\" already")
                    .advise("Choose another name.");
        }
        StagedSwitch change = change(() -> new SnapshotRenamer(image, report, cancellation).write(entry, name));
        return new Renaming(entry, change.snapshot());
    }

    private StagedSwitch change(Writing writing) throws StateferryException {
        long length = file.size();
        StagedSwitch change;
        try {
            SwitchStage written = writing.write();
            // Barrier: the header that the switch writes leads to the tables written just now.
            written.force();
            change = written.check();
            cancellation.check();
            open.proveAlone();
        } catch (StateferryException | RuntimeException | Error e) {
            cutTo(length, e);
            throw e;
        }
        switching = true;
        change.carryOut(file);
        return change;
    }

    /** Takes back what the file has grown by. Nothing but the tables of the change lies there, for the image is locked. */
    private void cutTo(long length, Throwable failure) {
        try {
            open.proveHeld();
            file.truncate(length);
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public void close() throws StateferryException {
        open.close();
    }
}
