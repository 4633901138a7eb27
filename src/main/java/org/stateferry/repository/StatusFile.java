package org.stateferry.repository;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;

/**
 * The history in a file, for readers that must not open the repository because this process owns it. It lies in two
 * files: {@code status.json} holds the imports that run now, and is written again each second while one gets on; {@code
 * history.json} holds the newest {@value #HISTORY_MAX} as they were when the last one ended, and is written only then.
 *
 * <p>They are written by a thread of its own, so that an import never waits for it; a file that cannot be written is logged
 * and fails nothing. Thread-safe.
 */
public final class StatusFile implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(StatusFile.class);
    private static final long PROGRESS_INTERVAL_MILLIS = 1000;
    private static final long CLOSE_WAIT_SECONDS = 5;
    /** No more of it is read: a quarter of the smallest heap. */
    private static final int SIZE_MAX = 32 << 20;
    /** So many take about half a megabyte. */
    static final int HISTORY_MAX = 1000;

    private final StateferryHome home;
    private final ImportHistory history;
    private final RunningImports running;
    private final ScheduledExecutorService writer = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "stateferry-status");
        thread.setDaemon(true);
        return thread;
    });

    /** By execution; only of those that run. */
    private final Map<Long, Progress> progress = new ConcurrentHashMap<>();
    /** Once set, nothing more is written: when the repository has no owner, readers open it themselves. */
    private volatile boolean closing;
    // Both belong to the writer's thread.
    private List<ImportRecord> records = List.of();
    private Map<Long, Progress> written = Map.of();

    private record Progress(long bytesWritten, long bytes) {}

    /**
     * What the repository's owner has told.
     *
     * @param running the content of {@code status.json}, read first: an import that has ended since is in the other
     * @param history the content of {@code history.json}
     */
    public record Told(String running, String history) {
        /**
         * All imports, newest first.
         *
         * @throws tools.jackson.core.JacksonException if one of the files is damaged
         */
        public List<ImportRecord> records() {
            Map<Long, ImportRecord> byId = new TreeMap<>(Comparator.reverseOrder());
            HistoryJson.read(history).forEach(record -> byId.put(record.id(), record));
            HistoryJson.read(running).forEach(record -> byId.merge(record.id(), record, ImportRecord::later));
            return List.copyOf(byId.values());
        }
    }

    /** Writes the files for the first time, soon. The caller owns the repository until after {@link #close()}. */
    public StatusFile(StateferryHome home, ImportHistory history, RunningImports running) {
        this.home = home;
        this.history = history;
        this.running = running;
        submit(this::writeAll);
        writer.scheduleWithFixedDelay(
                guarded(this::writeProgress),
                PROGRESS_INTERVAL_MILLIS,
                PROGRESS_INTERVAL_MILLIS,
                TimeUnit.MILLISECONDS);
    }

    /** An execution is about to begin; {@link #hasBegun} follows. */
    public void begins() {
        running.begins();
    }

    /** An execution that was to begin was {@linkplain #started told} of, or does not begin. */
    public void hasBegun() {
        running.hasBegun();
    }

    /** To be called when this process has begun the job execution and the repository knows it. */
    public void started(long executionId) {
        running.add(executionId);
        submit(this::writeRunning);
    }

    /**
     * How far the running execution is; cheap enough to be called for every piece.
     *
     * @param bytesWritten bytes it has written to the image
     * @param bytes the stream's length
     */
    public void progressed(long executionId, long bytesWritten, long bytes) {
        progress.put(executionId, new Progress(bytesWritten, bytes));
    }

    /** To be called when the job execution's end stands in the repository, which is after its last listener was called. */
    public void ended(long executionId) {
        running.remove(executionId);
        progress.remove(executionId);
        submit(this::writeAll);
    }

    /** To be called when imports or attempts were taken out of the repository. */
    public void pruned() {
        submit(this::writeAll);
    }

    /** Reads what the repository's owner wrote; empty if it has not written everything yet. */
    public static Optional<Told> read(StateferryHome home) throws StateferryException {
        Optional<String> running = read(home.statusFile());
        Optional<String> history = running.isEmpty() ? running : read(home.historyFile());
        return history.map(text -> new Told(running.orElseThrow(), text));
    }

    private static Optional<String> read(Path file) throws StateferryException {
        try {
            byte[] told = SmallFile.read(file, Links.STAY, SIZE_MAX);
            return Optional.of(new String(told, StandardCharsets.UTF_8));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw StateferryHome.unusable(file, e);
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

    private void submit(Step step) {
        try {
            writer.execute(guarded(step));
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

    /** The history first: what has ended is in one of the files at any time. */
    private void writeAll() throws IOException {
        if (!closing) {
            String newest = HistoryJson.write(history.newest(HISTORY_MAX));
            PrivateFile.replace(home.historyFile(), newest.getBytes(StandardCharsets.UTF_8));
            writeRunning();
        }
    }

    private void writeRunning() throws IOException {
        if (!closing) {
            records = history.ofAttempts(running.ids()).stream()
                    .filter(this::runs)
                    .toList();
            write();
        }
    }

    private boolean runs(ImportRecord record) {
        return record.attempts().stream().anyMatch(attempt -> attempt.runs() && running.contains(attempt.id()));
    }

    private void writeProgress() throws IOException {
        if (!progress.equals(written)) {
            write();
        }
    }

    private void write() throws IOException {
        if (closing) {
            return;
        }
        Map<Long, Progress> now = Map.copyOf(progress);
        List<ImportRecord> current =
                records.stream().map(record -> advance(record, now)).toList();
        PrivateFile.replace(home.statusFile(), HistoryJson.write(current).getBytes(StandardCharsets.UTF_8));
        written = now;
    }

    private static ImportRecord advance(ImportRecord record, Map<Long, Progress> now) {
        for (ImportRecord.Attempt attempt : record.attempts()) {
            Progress found = now.get(attempt.id());
            if (found != null) {
                return record.withProgress(attempt.id(), found.bytesWritten, found.bytes);
            }
        }
        return record;
    }

    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }
}
