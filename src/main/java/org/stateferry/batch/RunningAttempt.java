package org.stateferry.batch;

import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopRequest;
import org.stateferry.home.StopRequestWatch;
import org.stateferry.home.StopSignal;
import org.stateferry.repository.ContextKeys;
import org.stateferry.repository.StatusFile;

/**
 * One attempt as other processes see it. From the start of its job until its image is free again, the status file shows
 * it as running and requests to stop it are heard.
 *
 * <p>It begins with a clean record: Spring Batch copies the job context of the attempt before, and what that wrote or met
 * is not this one's.
 */
final class RunningAttempt implements JobExecutionListener, AutoCloseable {
    private final StateferryHome home;
    private final JobRepository repository;
    private final StatusFile status;
    private final StopSignal stop;
    private final Beginning beginning;
    private @Nullable StopRequestWatch watch;
    private long executionId;
    private boolean begins;

    /** Hears that the history knows an attempt. */
    @FunctionalInterface
    interface Beginning {
        /**
         * The attempt has begun.
         *
         * @param instanceId the import's ID
         * @param executionId the attempt's
         */
        void began(long instanceId, long executionId);
    }

    /**
     * @param stop requested when another process asks for the end
     * @param beginning hears that it begins
     */
    RunningAttempt(
            StateferryHome home, JobRepository repository, StatusFile status, StopSignal stop, Beginning beginning) {
        this.home = home;
        this.repository = repository;
        this.status = status;
        this.stop = stop;
        this.beginning = beginning;
    }

    /** Its job is started now: from here on the repository may know it. */
    void begins() {
        begins = true;
        status.begins();
    }

    @Override
    public void beforeJob(JobExecution execution) {
        ContextKeys.beginAttempt(execution.getExecutionContext());
        repository.updateExecutionContext(execution);
        executionId = execution.getId();
        // First the watch: whoever reads that the attempt is running may ask at once for its end.
        watch = StopRequestWatch.begin(new StopRequest(home, execution.getJobInstanceId()), stop);
        status.started(executionId);
        hasBegun();
        beginning.began(execution.getJobInstanceId(), executionId);
    }

    private void hasBegun() {
        if (begins) {
            begins = false;
            status.hasBegun();
        }
    }

    /** To be called when the job has returned and the image is released. Does nothing to an attempt that never began. */
    @Override
    public void close() {
        hasBegun();
        if (watch != null) {
            watch.close();
            status.ended(executionId);
        }
    }
}
