package org.stateferry.service.notification;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.ForeignText;

/**
 * Delivers notifications, with retries. Each is tried a few times with growing pauses and then given up, which the log
 * and a metric tell. Their number is bounded: when one too many comes, the oldest is dropped. Handing one over never
 * waits.
 *
 * <p>Each receiver is served by the same one of a few threads. So a receiver that does not answer holds back few others, and what
 * succeeds at the first try arrives in order.
 *
 * <ul>
 *   <li>{@code stateferry.notifications}: by {@code receiver} (webhook, mail, ping) and {@code outcome}: delivered, failed (given
 *       up), dropped (too many were on their way), superseded (a newer ping took its place)
 *   <li>{@code stateferry.notifications.waiting}: those that are on their way
 * </ul>
 *
 * <p>Thread-safe.
 */
final class Deliveries implements AutoCloseable {
    /** Each has at most some ten kilobytes. */
    static final int WAITING_MAX = 256;

    /** The pauses between the tries: seven minutes in all. */
    static final List<Duration> PAUSES =
            List.of(Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(90), Duration.ofSeconds(300));

    private static final int THREADS = 4;
    private static final Duration FAREWELL = Duration.ofSeconds(5);
    private static final Logger LOG = LoggerFactory.getLogger(Deliveries.class);

    private final List<Duration> pauses;
    private final int waitingMax;
    private final MeterRegistry registry;
    private final UndeliveredFile kept;
    private final List<ScheduledThreadPoolExecutor> threads = new ArrayList<>();
    /** Oldest first. */
    private final Set<Delivery> waiting = new LinkedHashSet<>();

    private static final class Delivery {
        private final Receiver receiver;
        private final Notice notice;
        private int failures;

        private Delivery(Receiver receiver, Notice notice) {
            this.receiver = receiver;
            this.notice = notice;
        }
    }

    private enum Outcome {
        DELIVERED,
        FAILED,
        DROPPED,
        SUPERSEDED
    }

    /**
     * @param pauses those between the tries; one more try than there are pauses
     * @param waitingMax how many may be on their way
     * @param kept what must not be lost if the service ends
     */
    Deliveries(List<Duration> pauses, int waitingMax, MeterRegistry registry, UndeliveredFile kept) {
        this.pauses = List.copyOf(pauses);
        this.waitingMax = waitingMax;
        this.registry = registry;
        this.kept = kept;
        for (int number = 0; number < THREADS; number++) {
            String name = "notify-" + number;
            ScheduledThreadPoolExecutor thread = new ScheduledThreadPoolExecutor(1, task -> {
                Thread made = new Thread(task, name);
                made.setDaemon(true);
                return made;
            });
            thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
            threads.add(thread);
        }
        Gauge.builder("stateferry.notifications.waiting", this, Deliveries::waitingCount)
                .description("Notifications that are on their way")
                .register(registry);
        for (String type : List.of("webhook", "mail", "ping")) {
            for (Outcome outcome : Outcome.values()) {
                counter(type, outcome); // there from the start, so that a rate can be told from nothing
            }
        }
    }

    private Counter counter(String type, Outcome outcome) {
        return Counter.builder("stateferry.notifications")
                .description("Notifications by what became of them")
                .tag("receiver", type)
                .tag("outcome", outcome.name().toLowerCase(Locale.ROOT))
                .register(registry);
    }

    synchronized int waitingCount() {
        return waiting.size();
    }

    /** Sends something on its way. */
    void add(Receiver receiver, Notice notice) {
        Delivery delivery = new Delivery(receiver, notice);
        synchronized (this) {
            if (receiver.wantsNewestOnly()) {
                waiting.removeIf(older -> {
                    boolean superseded = older.receiver.equals(receiver);
                    if (superseded) {
                        count(older, Outcome.SUPERSEDED);
                    }
                    return superseded;
                });
            }
            if (waiting.size() >= waitingMax) {
                Delivery oldest = waiting.iterator().next();
                waiting.remove(oldest);
                kept.remove(oldest.receiver, oldest.notice.event());
                count(oldest, Outcome.DROPPED);
            }
            waiting.add(delivery);
        }
        if (notice.kind().isBadNews() && !receiver.wantsNewestOnly()) {
            kept.add(receiver, notice);
        }
        schedule(delivery, Duration.ZERO);
    }

    private void schedule(Delivery delivery, Duration pause) {
        int thread = Math.floorMod(delivery.receiver.address().hashCode(), threads.size());
        try {
            threads.get(thread).schedule(() -> attempt(delivery), pause.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            // The service is ending; what must not be lost is in the file.
        }
    }

    private void attempt(Delivery delivery) {
        if (!isWaiting(delivery)) {
            return;
        }
        try {
            delivery.receiver.tell(delivery.notice);
            end(delivery, Outcome.DELIVERED);
        } catch (IOException | RuntimeException e) {
            failed(delivery, e);
        }
    }

    private synchronized boolean isWaiting(Delivery delivery) {
        return waiting.contains(delivery);
    }

    private void failed(Delivery delivery, Exception reason) {
        int failures = ++delivery.failures;
        if (failures <= pauses.size()) {
            schedule(delivery, pauses.get(failures - 1));
        } else if (end(delivery, Outcome.FAILED)) {
            LOG.warn(
                    "{}: the notification of {} was not delivered to {} {}, which was tried {} times: {}",
                    ForeignText.escape(delivery.notice.event().definition()),
                    delivery.notice.kind().tag(),
                    delivery.receiver.type(),
                    delivery.receiver.place(),
                    failures,
                    reason.getMessage());
        }
    }

    private boolean end(Delivery delivery, Outcome outcome) {
        synchronized (this) {
            if (!waiting.remove(delivery)) {
                return false; // dropped meanwhile, and counted then
            }
        }
        kept.remove(delivery.receiver, delivery.notice.event());
        count(delivery, outcome);
        return true;
    }

    private void count(Delivery delivery, Outcome outcome) {
        counter(delivery.receiver.type(), outcome).increment();
    }

    /** Ends the threads; what is just being sent is waited for, for a moment. */
    @Override
    public void close() {
        threads.forEach(ScheduledThreadPoolExecutor::shutdown);
        long beginNanos = System.nanoTime();
        try {
            for (ScheduledThreadPoolExecutor thread : threads) {
                long left = FAREWELL.toNanos() - (System.nanoTime() - beginNanos);
                thread.awaitTermination(Math.max(0, left), TimeUnit.NANOSECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
