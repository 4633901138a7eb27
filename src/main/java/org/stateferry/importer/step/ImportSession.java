package org.stateferry.importer.step;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.OtherDisk;
import org.stateferry.importer.image.OtherDisks;
import org.stateferry.importer.image.Resources;
import org.stateferry.importer.image.SessionFiles;
import org.stateferry.importer.image.TargetImage;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalForcing;
import org.stateferry.journal.SwitchConfirmation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.StateChecksum;
import org.stateferry.source.DumpSource;
import org.stateferry.source.StreamEnd;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.stream.StreamFacts;

/**
 * One attempt's hold on its files, outside the steps: dump and image are opened once and the image is locked before
 * anything is recovered or started, and both are released after the job has returned, on every path. The steps borrow it.
 *
 * <p>Used by the thread that runs the job; {@link #noteFailure} by the writing threads as well.
 */
public final class ImportSession extends OpenImport {
    private final FileAccess access;
    private final SessionFiles files;
    private final AtomicReference<@Nullable StateferryException> firstFailure = new AtomicReference<>();

    private @Nullable ImportPlan plan;
    private @Nullable JournalForcing journalForcing;
    private @Nullable Journal journal;
    private @Nullable SnapshotTableEntry published;
    private @Nullable StateChecksum checksum;
    private @Nullable StreamEnd end;

    private ImportSession(
            ImportRequest request, FileAccess access, ImportProgress progress, StopSignal stop, SessionFiles files) {
        super(request, progress, stop);
        this.access = access;
        this.files = files;
    }

    /** Opens all files and locks the images; throws as {@link SessionFiles#open}. */
    public static ImportSession open(
            ImportRequest request, StateferryHome home, FileAccess access, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return new ImportSession(
                request, access, progress, stop, SessionFiles.open(request, home, access, progress, stop));
    }

    @Override
    public DumpSource dump() {
        return files.dump();
    }

    @Override
    public OptionalLong streamLength() {
        return end == null ? super.streamLength() : OptionalLong.of(end.length());
    }

    /** What the stream says about its machine, all of it once it was read to its end; null for an opaque dump. */
    public @Nullable StreamFacts facts() {
        return end == null ? dump().facts() : end.facts();
    }

    /** Keeps what only the end of the stream has told. */
    void streamEnded(StreamEnd found) {
        end = found;
    }

    /** The image as a file that is there or is being made. */
    public TargetImage target() {
        return files.images().target();
    }

    @Override
    Path imagePath() {
        return target().path();
    }

    /** The image that gets the vmstate, open and locked; the session closes it. */
    public OpenImage openImage() {
        return target().file();
    }

    @Override
    OtherDisks otherDisks() {
        return files.otherDisks();
    }

    /** What the image's path led to when the session began, before anything of ours was written. */
    FileIdentity imageIdentity() {
        return files.imageIdentity();
    }

    /** A file of the open image as the import is to see it. */
    ImageFile access(ImageFile opened) {
        return access.image(opened);
    }

    Path journalPath() {
        return files.journalPath();
    }

    @Override
    Qcow2Image image() {
        return files.image();
    }

    /** The journal, if an earlier attempt left one or this one began one. */
    @Override
    Optional<Journal> journal() throws StateferryException {
        if (journal == null) {
            journal = Journal.open(journalPath()).orElse(null);
        }
        return Optional.ofNullable(journal);
    }

    /** Whether an attempt at the import of this key left a journal, and did not come to its end. */
    public boolean hasUnfinishedJournal(String importKey) throws StateferryException {
        return otherDisks().haveUnfinishedJournal(importKey)
                || journal()
                        .filter(left ->
                                !left.isFinished() && left.plan().importKey().equals(importKey))
                        .isPresent();
    }

    /** Puts a new journal in the place of the old one. */
    void replaceJournal(Journal fresh) throws StateferryException {
        if (journal != null) {
            journal.close();
        }
        journal = fresh;
    }

    /**
     * Ends the journals once the images hold the snapshot, that of the image last: as long as it is unfinished, nobody takes
     * the other disks' snapshots for those of an import that was given up. That this fails does not make the import fail:
     * an unfinished journal only means that the next run looks at the images once more.
     */
    void finishJournals(String importKey) {
        try {
            otherDisks().finishJournals(importKey);
            if (journal()
                    .filter(own -> own.plan().importKey().equals(importKey))
                    .isPresent()) {
                finishJournal();
            }
        } catch (StateferryException e) {
            progress().notice("the journal of this image could not be ended: " + e.getMessage());
        }
    }

    /**
     * Makes sure of what the image holds already, whoever has put it there: what is reported as imported is on stable
     * storage.
     */
    public void confirmImage() throws StateferryException {
        SwitchConfirmation.ofAny(openImage(), image(), journal());
    }

    /** Makes sure of what those of the other disks hold that had their snapshots before this attempt. */
    public void confirmOtherDisks() throws StateferryException {
        for (OtherDisk disk : otherDisks()) {
            if (disk.checked().isEmpty()) {
                SwitchConfirmation.ofAny(disk.open(), disk.image(), disk.journal());
            }
        }
    }

    /** Ends the image's journal. */
    void finishJournal() throws StateferryException {
        Optional<Journal> own = journal();
        if (own.isPresent()) {
            own.get().recordFinished(openImage().identity().modified().toEpochMilli());
        }
    }

    @Override
    boolean isNewImage() {
        return target().isPart();
    }

    /** The image is made when the session is opened. */
    @Override
    long sizeToBeMade() {
        return 0;
    }

    @Override
    long usableSpace() throws StateferryException {
        return openImage().usableSpace();
    }

    /** As of the session's start. */
    @Override
    Instant modifiedByOthers() throws StateferryException {
        if (target().isPart()) {
            return Instant.EPOCH; // nobody else has ever written to it
        }
        return ImageAge.modifiedByOthers(imageIdentity(), journal());
    }

    /** What prepare decided, or null before it did or if there is nothing left to do. */
    @Nullable
    public ImportPlan plan() {
        return plan;
    }

    /** Keeps what prepare decided. From now on there is something to go on from, so a new image is not removed at the end. */
    public void plan(ImportPlan decided) {
        plan = decided;
        journalForcing = new JournalForcing(decided.journal());
        target().keep();
    }

    /** The snapshot's table entry, once the image holds it. */
    @Nullable
    public SnapshotTableEntry published() {
        return published;
    }

    /** Says that the image holds the snapshot. */
    public void published(SnapshotTableEntry entry) {
        published = entry;
    }

    /** What the vmstate must read back as, once this session has published it; null if it was there before. */
    public @Nullable StateChecksum checksum() {
        return checksum;
    }

    /** Keeps what the vmstate must read back as. */
    void checksum(StateChecksum recorded) {
        checksum = recorded;
    }

    /**
     * What the images hold at the end of an import.
     *
     * @param entry the snapshot with the vmstate
     */
    public List<MadeSnapshot> snapshots(SnapshotTableEntry entry) throws StateferryException {
        List<MadeSnapshot> snapshots = new ArrayList<>();
        snapshots.add(MadeSnapshot.of(target().path(), entry));
        for (OtherDisk disk : otherDisks()) {
            disk.image()
                    .snapshotTable()
                    .findByName(request().name())
                    .ifPresent(
                            found -> snapshots.add(MadeSnapshot.of(disk.open().path(), found)));
        }
        return snapshots;
    }

    /** Keeps the failure that came first, from whichever thread. */
    public void noteFailure(StateferryException failure) {
        firstFailure.compareAndSet(null, failure);
    }

    /** The failure that came first, or null if there was none. */
    @Nullable
    public StateferryException firstFailure() {
        return firstFailure.get();
    }

    /** Releases everything, the locks last: until then nobody else touches an image or its journal. */
    @Override
    public void close() throws StateferryException {
        Resources.closeAll(Stream.of(journalForcing, journal, files)
                .filter(Objects::nonNull)
                .toList());
    }
}
