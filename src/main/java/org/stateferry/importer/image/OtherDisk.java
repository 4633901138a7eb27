package org.stateferry.importer.image;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalPlan;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.transfer.TransferSettings;

/**
 * One of an import's other disks: it gets a snapshot of the same name without a vmstate. It has a journal as every image
 * has, which tells what in it is the import's. Of the disk itself nothing is held in memory but what the check found.
 *
 * <p>The session owns the open image, this the journal. Used by the thread that runs the job.
 */
public final class OtherDisk implements AutoCloseable {
    private final OpenImage open;
    private final ImageFile file;
    private final FileIdentity identity;
    private final Path journalPath;
    private @Nullable Journal journal;
    private @Nullable Checked checked;

    /** What a disk holds under the import's name. */
    public enum State {
        /** Nothing: the snapshot is still to be published. */
        ABSENT,
        /** The snapshot that an earlier attempt at this import has published. */
        PUBLISHED,
        /** A snapshot of the disk alone that nothing tells to be this import's. */
        DISK_ONLY,
        /** A snapshot with a vmstate. */
        WITH_VM_STATE
    }

    /**
     * What is known of a disk that the snapshot is to be published in.
     *
     * @param report the check of its metadata
     * @param growth by how many bytes it may have to grow
     */
    public record Checked(CheckReport report, long growth) {}

    /**
     * @param open the disk, locked
     * @param file its file as the import is to see it
     */
    OtherDisk(OpenImage open, ImageFile file, Path journalPath) throws StateferryException {
        this.open = open;
        this.file = file;
        this.identity = open.identity();
        this.journalPath = journalPath;
    }

    /** The disk, open and locked; the session closes it. */
    public OpenImage open() {
        return open;
    }

    /** The disk's file as the import is to see it. */
    public ImageFile file() {
        return file;
    }

    /** What the disk's path led to when the session began, before anything of ours was written. */
    public FileIdentity identity() {
        return identity;
    }

    /** The disk as it is now. */
    public Qcow2Image image() throws StateferryException {
        return Qcow2Image.open(file);
    }

    /** The disk's journal, if an import left one. */
    public Optional<Journal> journal() throws StateferryException {
        if (journal == null) {
            journal = Journal.open(journalPath).orElse(null);
        }
        return Optional.ofNullable(journal);
    }

    /** The journal of an attempt at this import that did not come to its end. */
    public Optional<Journal> unfinishedJournal(String importKey) throws StateferryException {
        return journal()
                .filter(left -> !left.isFinished()
                        && left.plan().importKey().equals(importKey)
                        && left.plan().imageKey().equals(identity.key()));
    }

    /** What the disk holds now under a name. */
    public State state(String name, String importKey) throws StateferryException {
        Qcow2Image image = image();
        Optional<SnapshotTableEntry> entry = image.snapshotTable().findByName(name);
        if (entry.isEmpty()) {
            return State.ABSENT;
        }
        if (entry.get().vmStateSize() != 0) {
            return State.WITH_VM_STATE;
        }
        Optional<Journal> own = unfinishedJournal(importKey);
        return own.isPresent()
                        && own.get()
                                .publishedIn(image)
                                .filter(found -> found.hasName(name))
                                .isPresent()
                ? State.PUBLISHED
                : State.DISK_ONLY;
    }

    /** Whether the disk needs nothing more for a snapshot of this name. */
    boolean holdsDiskOnly(String name) throws StateferryException {
        return image().snapshotTable()
                .findByName(name)
                .filter(entry -> entry.vmStateSize() == 0)
                .isPresent();
    }

    /** Marks the disk as one that the snapshot is to be published in. */
    public void checked(Checked found) {
        checked = found;
    }

    /** What was found about a disk that the snapshot is to be published in; empty for the others. */
    public Optional<Checked> checked() {
        return Optional.ofNullable(checked);
    }

    /** Begins the disk's journal, before anything is written to the disk. */
    public Journal beginJournal(String importKey) throws StateferryException {
        Qcow2Image image = image();
        int clusterSize = image.geometry().clusterSize();
        JournalPlan plan = new JournalPlan(
                importKey,
                JournalPlan.Role.DISK_ONLY,
                identity.key(),
                0,
                TransferSettings.bufferSize(clusterSize),
                clusterSize,
                image.header().incompatibleFeatures(),
                TailCutter.originalLength(file.size(), identity, journal()),
                ImageAge.modifiedByOthers(identity, journal()).toEpochMilli());
        close();
        Journal fresh = Journal.create(journalPath, plan, System.currentTimeMillis());
        journal = fresh;
        return fresh;
    }

    /** Takes back what this import has done to the disk. */
    public void undo(String importKey, String name) throws StateferryException {
        Optional<Journal> own = unfinishedJournal(importKey);
        if (own.isPresent()) {
            DiskUndo.undo(open, file, own.get(), journalPath, name);
        }
    }

    /** Ends the journal of this import once the image holds the vmstate. */
    void finishJournal(String importKey) throws StateferryException {
        Optional<Journal> own = unfinishedJournal(importKey);
        if (own.isPresent()) {
            own.get().recordFinished(open.identity().modified().toEpochMilli());
        }
    }

    /** Closes the journal. */
    @Override
    public void close() throws StateferryException {
        if (journal != null) {
            Journal closing = Objects.requireNonNull(journal);
            journal = null;
            closing.close();
        }
    }
}
