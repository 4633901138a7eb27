package org.stateferry.batch;

import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.springframework.batch.core.scope.context.ChunkContext;
import org.springframework.batch.core.step.StepContribution;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SnapshotPublisher;
import org.stateferry.qcow2.StagedSnapshot;
import org.stateferry.transfer.Journal;

/**
 * Step three: proves that the vmstate is complete, stages the new image, and switches the header over; the same with the
 * other disks, if there are any. It believes the journal and the image, not that the transfer step is COMPLETED.
 */
final class PublishTasklet implements Tasklet {
    private final ImportSession session;
    private final String importKey;
    private final Executor executor;

    /**
     * @param executor reads back what was written, if that is asked for
     */
    PublishTasklet(ImportSession session, ImportIdentity identity, Executor executor) {
        this.session = session;
        this.executor = executor;
        this.importKey = JournalFiles.importKey(identity);
    }

    @Override
    public RepeatStatus execute(StepContribution contribution, ChunkContext chunkContext) throws Exception {
        session.progress().stepStarted("publish");
        long start = System.nanoTime();
        try {
            publish();
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.INTERRUPTED) {
                contribution.getStepExecution().setTerminateOnly();
                return RepeatStatus.FINISHED;
            }
            session.noteFailure(e);
            throw e;
        }
        ExecutionContext context =
                contribution.getStepExecution().getJobExecution().getExecutionContext();
        context.putLong(ContextKeys.BYTES, session.dump().streamLength());
        context.putLong(ContextKeys.PUBLISH_MILLIS, (System.nanoTime() - start) / 1_000_000);
        context.putString(
                ContextKeys.SNAPSHOT_ID,
                Objects.requireNonNull(session.published()).idText());
        return RepeatStatus.FINISHED;
    }

    /** The image with the vmstate comes last: before that, all of it can be taken back. */
    private void publish() throws StateferryException {
        Instant date = Instant.now();
        StagedSnapshot staged = session.published() == null ? stage(plan(), date) : null;
        List<PendingSwitch> switches = OtherDiskStaging.stage(session, importKey, date);
        if (staged != null) {
            switches.add(new PendingSwitch(session.openImage(), session.image().file(), plan().journal(), staged));
        }
        // The last moment for a stop: from here on there is little left to do.
        session.requireNotStopped();
        PendingSwitch.carryOut(switches);
        if (staged != null) {
            session.published(staged.entry());
        }
        session.target().complete();
        session.finishJournals(importKey);
    }

    private ImportPlan plan() {
        return Objects.requireNonNull(session.plan(), "prepare has planned what is not published");
    }

    private StagedSnapshot stage(ImportPlan plan, Instant date) throws StateferryException {
        Journal journal = plan.journal();
        JournalVmStateMap vmState = new JournalVmStateMap(journal);
        session.dump().requireUnchanged();
        if (session.request().options().verify()) {
            verify(vmState);
        }
        Qcow2Image image =
                session.image().through(new JournaledImageFile(session.image().file(), journal));
        SnapshotPublisher publisher =
                new SnapshotPublisher(image, plan.allocator(), plan.report(), session::requireNotStopped);
        return publisher.stage(vmState, session.request().name(), date);
    }

    /**
     * Reads every buffer back, through the page cache; what comes must have the checksum of what was written. What was
     * written directly, or has the dump's blocks, is not in the page cache, so the disk returns it. What was written
     * through the page cache is still there as a rule: then nothing is proven about the disk.
     */
    private void verify(JournalVmStateMap vmState) throws StateferryException {
        Journal journal = vmState.journal();
        try (BufferProofs proofs = new BufferProofs(session.image(), journal, executor)) {
            for (long index = 0; index < journal.plan().bufferCount(); index++) {
                session.requireNotStopped();
                Optional<BufferProofs.Proof> proof = proofs.next();
                if (proof.isEmpty()) {
                    throw JournalVmStateMap.incomplete(index);
                }
                if (!proof.get().isIntact()) {
                    throw StateferryException.in(
                                    FailureKind.VERIFICATION,
                                    session.openImage().path(),
                                    "the vmstate reads back other than it was written, from its byte "
                                            + index * journal.plan().bufferSize() + " on")
                            .advise("Distrust the disk, or the memory; nothing was switched over.");
                }
            }
        }
    }
}
