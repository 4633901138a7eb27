package org.stateferry.service.notification;

import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.NotificationResult;

/** Tells the receivers of one definition what happens to it. Nobody who calls it waits for them. Thread-safe. */
public final class DefinitionNotices {
    /** The least time between two pings of firings that have found nothing new. */
    private static final Duration ALIVE_INTERVAL = Duration.ofMinutes(1);

    /** How many bytes from the end of an import's log go with a notification; receivers of pings keep little more. */
    public static final int LOG_BYTES_MAX = 8 << 10;

    private final String definition;
    private final NotifyRule rule;
    private final List<Receiver> receivers;
    private final Deliveries deliveries;
    private final LongFunction<String> logs;
    private final Clock clock;
    private Instant toldAlive = Instant.MIN;

    DefinitionNotices(
            String definition,
            NotifyRule rule,
            List<Receiver> receivers,
            Deliveries deliveries,
            LongFunction<String> logs,
            Clock clock) {
        this.definition = definition;
        this.rule = rule;
        this.receivers = List.copyOf(receivers);
        this.deliveries = deliveries;
        this.logs = logs;
        this.clock = clock;
    }

    /** An import begins. */
    public void started(Event.Subject subject) {
        tell(EventKind.START, Event.start(definition, subject));
    }

    /**
     * An import has succeeded.
     *
     * @param recovered whether the one before had failed
     * @param message a line for people
     * @param bytes how many it has written
     */
    public void succeeded(boolean recovered, String message, Event.Subject subject, Instant ended, long bytes) {
        EventKind kind = recovered ? EventKind.RECOVERED : EventKind.SUCCESS;
        tell(kind, Event.success(kind, definition, message, subject, ended, bytes));
    }

    /** A firing has found that all is as it should be. Only pings tell that. */
    public void alive(String message) {
        Instant now = clock.instant();
        synchronized (this) {
            if (now.isBefore(toldAlive.plus(ALIVE_INTERVAL)) && !now.isBefore(toldAlive)) {
                return;
            }
            toldAlive = now;
        }
        pings(EventKind.SUCCESS, Event.of(EventKind.SUCCESS, definition, message, now));
    }

    /**
     * An import has failed.
     *
     * @param again whether it has failed like that before; then only pings tell it
     * @param subject null if it did not come to be known what it is about
     */
    public void failed(boolean again, StateferryException failure, Event.@Nullable Subject subject, Instant ended) {
        Event event = Event.failure(definition, failure, subject, ended);
        if (again) {
            pings(EventKind.FAILURE, event);
        } else {
            tell(EventKind.FAILURE, event);
        }
    }

    /**
     * What was due has not succeeded in time.
     *
     * @param message what was due, and why it has not, as far as that is known
     */
    public void missed(String message) {
        tell(EventKind.MISSED, Event.of(EventKind.MISSED, definition, message, clock.instant()));
    }

    /** What was read back of a snapshot is not what was imported. */
    public void damaged(StateferryException failure, Event.Subject subject) {
        tell(EventKind.DAMAGED, Event.damaged(definition, failure, subject, clock.instant()));
    }

    private void tell(EventKind kind, Event event) {
        Notice notice = new Notice(kind, event, logOf(event));
        for (Receiver receiver : receivers) {
            if (isFor(receiver, kind)) {
                deliveries.add(receiver, notice);
            }
        }
    }

    private boolean isFor(Receiver receiver, EventKind kind) {
        return receiver instanceof Ping ? Ping.hasWordFor(kind) : rule.wants(kind);
    }

    private void pings(EventKind kind, Event event) {
        Notice notice = new Notice(kind, event, logOf(event));
        receivers.stream().filter(Ping.class::isInstance).forEach(ping -> deliveries.add(ping, notice));
    }

    private String logOf(Event event) {
        Long id = event.importId();
        return id == null || receivers.isEmpty() ? "" : logs.apply(id);
    }

    /** Sends something to every receiver, all at once, and tells how each of them took it. */
    public List<NotificationResult> test() {
        Event event = Event.of(EventKind.TEST, definition, "this is a test of the notifications", clock.instant());
        Notice notice = new Notice(EventKind.TEST, event, "");
        Executor threads = task -> {
            Thread thread = new Thread(task, "notify-test");
            thread.setDaemon(true);
            thread.start();
        };
        List<CompletableFuture<NotificationResult>> results = new ArrayList<>();
        for (Receiver receiver : receivers) {
            results.add(CompletableFuture.supplyAsync(() -> test(receiver, notice), threads));
        }
        return results.stream().map(CompletableFuture::join).toList();
    }

    private static NotificationResult test(Receiver receiver, Notice notice) {
        @Nullable String problem = null;
        try {
            receiver.tell(notice);
        } catch (IOException | RuntimeException e) {
            problem = String.valueOf(e.getMessage());
        }
        return new NotificationResult(receiver.type(), receiver.place(), problem == null, problem);
    }
}
