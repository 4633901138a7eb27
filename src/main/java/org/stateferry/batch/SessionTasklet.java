package org.stateferry.batch;

import org.springframework.batch.core.scope.context.ChunkContext;
import org.springframework.batch.core.step.StepContribution;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.step.ImportSession;

/** The frame of the steps that are not chunked: reports their start, ends them at a stop, records their failure. */
abstract class SessionTasklet implements Tasklet {
    private final ImportSession session;

    SessionTasklet(ImportSession session) {
        this.session = session;
    }

    /**
     * Does the step's work.
     *
     * @param job the job execution's context
     * @throws StateferryException of kind {@link FailureKind#INTERRUPTED} at a stop; the step then ends as STOPPED
     */
    abstract void work(ExecutionContext job) throws StateferryException;

    @Override
    public final RepeatStatus execute(StepContribution contribution, ChunkContext chunkContext)
            throws StateferryException {
        StepExecution step = contribution.getStepExecution();
        session.progress().stepStarted(step.getStepName());
        try {
            work(step.getJobExecution().getExecutionContext());
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.INTERRUPTED) {
                step.setTerminateOnly();
            } else {
                session.noteFailure(e);
                throw e;
            }
        }
        return RepeatStatus.FINISHED;
    }
}
