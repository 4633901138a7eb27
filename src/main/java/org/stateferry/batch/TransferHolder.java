package org.stateferry.batch;

import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.step.StepExecution;

/** Where the parts of the transfer step find the run and the step; the run is missing when nothing is left to transfer. */
final class TransferHolder implements StepExecutionListener {
    private @Nullable TransferRun run;
    private @Nullable StepExecution step;

    @Override
    public void beforeStep(StepExecution stepExecution) {
        step = stepExecution;
    }

    /** Lets the step end as STOPPED, after the chunk that is being worked on. */
    void terminateStep() {
        if (step != null) {
            step.setTerminateOnly();
        }
    }

    @Nullable
    TransferRun run() {
        return run;
    }

    void run(@Nullable TransferRun opened) {
        run = opened;
    }
}
