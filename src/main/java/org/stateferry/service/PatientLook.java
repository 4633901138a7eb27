package org.stateferry.service;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Asks something that may not answer, such as a disk or a database, and waits a limited time. A thread of its own
 * looks, so that none of the few threads is lost that answer requests; as long as that thread waits, nobody begins
 * another look. Thread-safe.
 *
 * @param <T> what is seen
 */
final class PatientLook<T> {
    /** Shorter than health checks wait. */
    static final Duration PATIENCE = Duration.ofSeconds(2);

    private final Callable<T> look;
    private final ExecutorService looker;
    private final AtomicReference<@Nullable Future<T>> last = new AtomicReference<>();

    /**
     * @param name of the thread
     * @param look what it does
     */
    PatientLook(String name, Callable<T> look) {
        this.look = look;
        this.looker = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * What is to be seen now; empty if that takes longer than {@link #PATIENCE}.
     *
     * @throws Exception what the look has failed with
     */
    Optional<T> take() throws Exception {
        Future<T> current = Objects.requireNonNull(
                last.updateAndGet(before -> before == null || before.isDone() ? looker.submit(look) : before));
        try {
            return Optional.of(current.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException e) {
            return Optional.empty();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception failure ? failure : e;
        }
    }
}
