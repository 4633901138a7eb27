package org.stateferry.batch;

import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.springframework.batch.core.scope.context.ChunkContext;
import org.springframework.batch.core.step.StepContribution;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.stateferry.batch.DataFileChoice.DataFile;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.IoMode;
import org.stateferry.stream.StreamCheck;
import org.stateferry.transfer.Checkpoint;
import org.stateferry.transfer.Journal;
import org.stateferry.transfer.JournalPlan;

/**
 * Step one: validates both sides, refuses what cannot or should not be imported before a byte of the image changes, and
 * decides whether to begin, to go on, to begin again, or that the work is done.
 */
final class PrepareTasklet implements Tasklet {
    private final ImportSession session;
    private final ImportIdentity identity;
    private final Executor executor;
    private final ImportChecks checks;
    private final OtherDiskChecks otherDisks;
    private final DataFileChoice dataFiles;

    /**
     * @param executor reads back what an earlier attempt has written
     */
    PrepareTasklet(ImportSession session, ImportIdentity identity, Executor executor) {
        this.executor = executor;
        this.session = session;
        this.identity = identity;
        this.checks = new ImportChecks(session);
        this.otherDisks = new OtherDiskChecks(session, JournalFiles.importKey(identity));
        this.dataFiles = new DataFileChoice(session);
    }

    @Override
    public RepeatStatus execute(StepContribution contribution, ChunkContext chunkContext) throws Exception {
        session.progress().stepStarted("prepare");
        try {
            prepare(contribution.getStepExecution().getJobExecution().getExecutionContext());
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.INTERRUPTED) {
                contribution.getStepExecution().setTerminateOnly();
                return RepeatStatus.FINISHED;
            }
            session.noteFailure(e);
            throw e;
        }
        return RepeatStatus.FINISHED;
    }

    private void prepare(ExecutionContext job) throws StateferryException {
        SnapshotPresence presence = session.presence();
        if (presence.sameVmState()) {
            otherDisks.run(true);
            checks.requireSpaceForDisks();
            SwitchConfirmation.ofDisks(session);
            SwitchConfirmation.ofImage(session);
            session.published(Objects.requireNonNull(presence.entry()));
            return;
        }
        CheckReport report = checks.run(presence, JournalFiles.importKey(identity));
        otherDisks.run(false);
        boolean begunBefore = job.getLong(ContextKeys.CHECKPOINT, 0) > 0;
        session.plan(plan(session.image(), report, session.modifiedByOthers(), begunBefore));
        SwitchConfirmation.ofDisks(session);
    }

    /**
     * @param begunBefore whether an earlier attempt has come past its first checkpoint
     */
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
            return resumed(report, allocator, earlier.orElseThrow(), verdict.bufferCount());
        }
        allocator = new ClusterAllocator(image, report);
        checks.requireSpace(report, 0);
        return new ImportPlan(
                report, allocator, begun(now), 0, session.dump().checker(), 0, dataFile(report, allocator, 0));
    }

    private ImportPlan resumed(CheckReport report, ClusterAllocator allocator, Journal journal, long bufferCount)
            throws StateferryException {
        long boundary = Math.min(
                bufferCount * journal.plan().bufferSize(), journal.plan().streamLength());
        checks.requireSpace(report, boundary);
        session.progress().notice("going on from byte " + boundary + ", which is proven to be in the image");
        StreamCheck check = session.dump().checker();
        long checkPosition = 0;
        Optional<Checkpoint> checkpoint = journal.checkpoint().filter(found -> found.checkerPosition() <= boundary);
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
            checks.requireSpace(report, presentSize, null);
        }
        return file;
    }

    private JournalPlan journalPlan(Qcow2Image image, long originalLength, Instant modified) {
        int clusterSize = image.geometry().clusterSize();
        return new JournalPlan(
                JournalFiles.importKey(identity),
                JournalPlan.Role.VM_STATE,
                session.openImage().key(),
                session.dump().streamLength(),
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
