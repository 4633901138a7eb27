package org.stateferry.importer.step;

import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.image.TailCutter;
import org.stateferry.journal.Checkpoint;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalPlan;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.IoMode;
import org.stateferry.stream.StreamCheck;
import org.stateferry.transfer.TransferSettings;

/**
 * The first step of an import: validates both sides, refuses what cannot or should not be imported before a byte of the image changes, and
 * decides whether to begin, to go on, to begin again, or that the work is done.
 */
public final class ImportPreparation {
    private final ImportSession session;
    private final ImportIdentity identity;
    private final Executor executor;
    private final ImportChecks checks;
    private final SpaceCheck space;
    private final DataFileChoice dataFiles;

    /**
     * @param executor reads back what an earlier attempt has written
     */
    public ImportPreparation(ImportSession session, ImportIdentity identity, Executor executor) {
        this.executor = executor;
        this.session = session;
        this.identity = identity;
        this.checks = new ImportChecks(session, JournalFiles.importKey(identity));
        this.space = new SpaceCheck(session);
        this.dataFiles = new DataFileChoice(session);
    }

    /**
     * Checks, decides, and leaves the plan in the session; without a plan nothing is left to transfer.
     *
     * @param begunBefore whether an earlier attempt has come past its first checkpoint, as far as the repository knows
     * @throws StateferryException with which the import is refused; of kind {@link FailureKind#INTERRUPTED} at a stop
     */
    public void prepare(boolean begunBefore) throws StateferryException {
        Optional<CheckReport> report = checks.run();
        if (report.isPresent()) {
            session.plan(plan(session.image(), report.get(), session.modifiedByOthers(), begunBefore));
        } else {
            requireSpace(report, 0);
            session.published(Objects.requireNonNull(session.presence().entry()));
            session.confirmImage();
        }
        session.confirmOtherDisks();
    }

    private void requireSpace(Optional<CheckReport> report, long presentSize) throws StateferryException {
        space.require(report, presentSize, session.request().options().spaceHope());
    }

    private ImportPlan plan(Qcow2Image image, CheckReport report, Instant modified, boolean begunBefore)
            throws StateferryException {
        ClusterAllocator allocator = new ClusterAllocator(image, report);
        Optional<Journal> earlier = session.journal();
        JournalPlan now = journalPlan(
                image, TailCutter.originalLength(image.file().size(), session.imageIdentity(), earlier), modified);
        ResumeCheck.Verdict verdict = earlier.isPresent()
                ? new ResumeCheck(session, earlier.get(), executor).check(now, allocator)
                : new ResumeCheck.Verdict(0, "the journal of the earlier attempt is lost or damaged");
        if (verdict.reason() != null && (begunBefore || session.hasUnfinishedJournal(now.importKey()))) {
            session.progress().notice((verdict.bufferCount() == 0 ? "starting over: " : "") + verdict.reason());
        }
        if (verdict.bufferCount() > 0) {
            return resumed(report, allocator, goingOn(earlier.orElseThrow(), now), verdict.bufferCount());
        }
        allocator = new ClusterAllocator(image, report);
        requireSpace(Optional.of(report), 0);
        return new ImportPlan(
                report, allocator, begun(now), 0, session.dump().checker(), 0, dataFile(report, allocator, 0));
    }

    /** What others have done to the image in between must not be forgotten once its last writes are ours again. */
    private static Journal goingOn(Journal journal, JournalPlan now) throws StateferryException {
        if (!now.equals(journal.plan())) {
            journal.replan(now);
        }
        return journal;
    }

    private ImportPlan resumed(CheckReport report, ClusterAllocator allocator, Journal journal, long bufferCount)
            throws StateferryException {
        long boundary = journal.plan().endOf(bufferCount);
        requireSpace(Optional.of(report), boundary);
        session.progress().notice("going on from byte " + boundary + ", which is proven to be in the image");
        StreamCheck check = session.dump().checker();
        long checkPosition = 0;
        // What can only be read from its start is checked from there on as well.
        boolean mayGoOn = session.dump().access() == DumpSource.Access.RANDOM;
        Optional<Checkpoint> checkpoint =
                journal.checkpoint().filter(found -> mayGoOn && found.checkerPosition() <= boundary);
        if (checkpoint.isPresent()) {
            try {
                check = session.dump().restoreChecker(checkpoint.get().checkerState());
                checkPosition = checkpoint.get().checkerPosition();
            } catch (StateferryException e) {
                session.progress().notice("checking the dump from its first byte again: " + e.problem());
            }
        }
        return new ImportPlan(
                report, allocator, journal, bufferCount, check, checkPosition, dataFile(report, allocator, boundary));
    }

    private DataFile dataFile(CheckReport report, ClusterAllocator allocator, long presentSize)
            throws StateferryException {
        DataFile file = dataFiles.choose(allocator, presentSize);
        ImportOptions options = session.request().options();
        if (options.io() == IoMode.REFLINK
                && file.mode() != IoMode.REFLINK
                && options.compression() == Compression.NONE) {
            // It was asked for less space than is needed now.
            space.require(Optional.of(report), presentSize, null);
        }
        return file;
    }

    private JournalPlan journalPlan(Qcow2Image image, long originalLength, Instant modified) {
        int clusterSize = image.geometry().clusterSize();
        return new JournalPlan(
                JournalFiles.importKey(identity),
                JournalPlan.Role.VM_STATE,
                session.openImage().key(),
                session.streamLength().orElse(JournalPlan.UNKNOWN_LENGTH),
                TransferSettings.bufferSize(clusterSize),
                clusterSize,
                image.header().incompatibleFeatures(),
                originalLength,
                modified.toEpochMilli());
    }

    private Journal begun(JournalPlan now) throws StateferryException {
        Journal fresh = Journal.create(session.journalPath(), now, System.currentTimeMillis());
        session.replaceJournal(fresh);
        return fresh;
    }
}
