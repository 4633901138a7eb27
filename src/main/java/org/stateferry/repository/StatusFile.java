package org.stateferry.repository;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;

/**
 * The history as those can read it who must not open the repository because this process owns it.
 *
 * <p>It is written by a thread of its own, so that an import never waits for it; a file that cannot be written is logged
 * and fails nothing. Thread-safe.
 */
public final class StatusFile implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(StatusFile.class);
    private static final long PROGRESS_INTERVAL_MILLIS = 1000;
    private static final long CLOSE_WAIT_SECONDS = 5;
    /** No more of it is read: a quarter of the smallest heap. */
    private static final int SIZE_MAX = 32 << 20;

    private final StateferryHome home;
    private final ImportHistory history;
    private final RunningImports running;
    private final ScheduledExecutorService writer = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "stateferry-status");
        thread.setDaemon(true);
        return thread;
    });

    private volatile @Nullable Progress progress;
    /** Once set, nothing more is written: when the repository has no owner, readers open it themselves. */
    private volatile boolean closing;
    // Both belong to the writer's thread.
    private List<ImportRecord> records = List.of();
    private @Nullable Progress written;

    private record Progress(long executionId, long bytesWritten, long bytes) {}

    /** Writes the file for the first time, soon. The caller owns the repository until after {@link #close()}. */
    public StatusFile(StateferryHome home, ImportHistory history, RunningImports running) {
        this.home = home;
        this.history = history;
        this.running = running;
        submit();
        writer.scheduleWithFixedDelay(
                guarded(this::writeProgress),
                PROGRESS_INTERVAL_MILLIS,
                PROGRESS_INTERVAL_MILLIS,
                TimeUnit.MILLISECONDS);
    }

    /** To be called when this process has begun the job execution and the repository knows it. */
    public void started(long executionId) {
        running.add(executionId);
        submit();
    }

    /**
     * How far the running execution is; cheap enough to be called for every piece.
     *
     * @param bytesWritten bytes it has written to the image
     * @param bytes the stream's length
     */
    public void progressed(long executionId, long bytesWritten, long bytes) {
        progress = new Progress(executionId, bytesWritten, bytes);
    }

    /** To be called when the job execution's end stands in the repository, which is after its last listener was called. */
    public void ended(long executionId) {
        running.remove(executionId);
        submit();
    }

    /** Reads what the repository's owner wrote; empty if it has not written anything yet. */
    public static Optional<String> read(StateferryHome home) throws StateferryException {
        try {
            byte[] status = SmallFile.read(home.statusFile(), Links.STAY, SIZE_MAX);
            return Optional.of(new String(status, StandardCharsets.UTF_8));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw StateferryHome.unusable(home.statusFile(), e);
        }
    }

    /** Returns when the thread that reads the repository has ended. The file stays until the next owner comes. */
    @Override
    public void close() {
        closing = true;
        // Never shutdownNow: an interrupt would close H2's file under everyone.
        writer.shutdown();
        try {
            if (!writer.awaitTermination(CLOSE_WAIT_SECONDS, TimeUnit.SECONDS)) {
                log.warn("The status file's thread has not ended within {} s", CLOSE_WAIT_SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void submit() {
        try {
            writer.execute(guarded(this::writeAll));
        } catch (RejectedExecutionException e) {
            log.debug("The status file is closed", e);
        }
    }

    private Runnable guarded(Step step) {
        return () -> {
            try {
                step.run();
            } catch (IOException | RuntimeException e) {
                log.warn("Cannot write the status file", e);
            }
        };
    }

    private void writeAll() throws IOException {
        if (!closing) {
            records = history.list();
            write();
        }
    }

    private void writeProgress() throws IOException {
        if (progress != written) {
            write();
        }
    }

    private void write() throws IOException {
        if (closing) {
            return;
        }
        @Nullable Progress now = progress;
        List<ImportRecord> current = now == null || !running.contains(now.executionId())
                ? records
                : records.stream().map(record -> advance(record, now)).toList();
        PrivateFile.replace(home.statusFile(), HistoryJson.write(current).getBytes(StandardCharsets.UTF_8));
        written = now;
    }

    private static ImportRecord advance(ImportRecord record, Progress now) {
        boolean concerned = record.attempts().stream().anyMatch(attempt -> attempt.id() == now.executionId());
        return concerned ? record.withProgress(now.executionId(), now.bytesWritten(), now.bytes()) : record;
    }

    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }
}
