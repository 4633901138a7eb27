package org.stateferry.web;

import io.swagger.v3.oas.annotations.Operation;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.springframework.context.SmartLifecycle;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.OwnedRepository;

/**
 * Events as they happen, as server-sent events. An answer ends after a while, and a browser's {@code EventSource} asks again by
 * itself and tells which event it heard last; so a connection is nobody's for long, and nothing is lost in between. Each listener is
 * told by a thread of its own, and none of those that import: one that does not read what it is sent holds up nobody else.
 */
@RestController
@RequestMapping("/api/v1")
class EventsApi implements SmartLifecycle {
    /** Shorter than the limit of a connection. */
    private static final long ANSWER_MILLIS = 15_000;

    private static final int LISTENERS_MAX = 16;
    private static final long POLL_MILLIS = 200;
    /** How far imports are is told no more often. */
    private static final long PROGRESS_NANOS = 1_000_000_000L;

    private static final long RETRY_MILLIS = 1000;

    private final EventFeed feed;
    private final OwnedRepository repository;
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    /** One for each listener, and as many for those that have gone and have not noticed yet that nobody reads. */
    private final ExecutorService tellers = new ThreadPoolExecutor(
            0, 2 * LISTENERS_MAX, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), EventsApi::teller);

    private volatile boolean running;

    EventsApi(EventFeed feed, OwnedRepository repository) {
        this.feed = feed;
        this.repository = repository;
    }

    @GetMapping(path = "/events", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    @Operation(summary = "Events as they happen, from the one after Last-Event-ID on")
    SseEmitter listen(@RequestHeader(name = "Last-Event-ID", required = false) @Nullable Long last)
            throws StateferryException {
        if (listeners.size() >= LISTENERS_MAX) {
            throw StateferryException.of(FailureKind.REPOSITORY, LISTENERS_MAX + " others listen to the events")
                    .advise("Try again later.");
        }
        SseEmitter emitter = new SseEmitter(ANSWER_MILLIS);
        Listener listener = new Listener(emitter, last == null ? feed.lastId() : last);
        emitter.onCompletion(() -> listeners.remove(listener));
        emitter.onTimeout(emitter::complete);
        emitter.onError(failure -> listeners.remove(listener));
        listeners.add(listener);
        return emitter;
    }

    private static Thread teller(Runnable work) {
        Thread thread = new Thread(work, "events-teller");
        thread.setDaemon(true);
        return thread;
    }

    /** One that is told; by one thread at a time. */
    private final class Listener {
        private final SseEmitter emitter;
        private final AtomicBoolean busy = new AtomicBoolean();
        private long last;
        private boolean greeted;

        private Listener(SseEmitter emitter, long last) {
            this.emitter = emitter;
            this.last = last;
        }

        /** Has it told what is new, unless it has not taken yet what it was told before. */
        private void tellMore() {
            if (!busy.compareAndSet(false, true)) {
                return;
            }
            try {
                tellers.execute(() -> {
                    try {
                        tell();
                    } finally {
                        busy.set(false);
                        if (!running) {
                            emitter.complete();
                        }
                    }
                });
            } catch (RejectedExecutionException e) {
                busy.set(false); // next time, unless the service ends
            }
        }

        private void tell() {
            try {
                if (!greeted) {
                    greeted = true;
                    // An id, so that also who hears of no event asks again from here on.
                    emitter.send(SseEmitter.event()
                            .id(Long.toString(last))
                            .reconnectTime(RETRY_MILLIS)
                            .comment("stateferry"));
                }
                for (EventFeed.Event event : feed.after(last)) {
                    emitter.send(SseEmitter.event()
                            .id(Long.toString(event.id()))
                            .name(event.type())
                            .data(event, MediaType.APPLICATION_JSON));
                    last = event.id();
                }
            } catch (IOException | IllegalStateException e) {
                listeners.remove(this); // it has hung up
            }
        }
    }

    @Override
    public void start() {
        running = true;
        Thread teller = new Thread(this::tellAll, "events");
        teller.setDaemon(true);
        teller.start();
    }

    private void tellAll() {
        long progressNanos = System.nanoTime();
        while (running) {
            long now = System.nanoTime();
            if (now - progressNanos >= PROGRESS_NANOS) {
                progressNanos = now;
                feed.progressed(repository.running());
            }
            listeners.forEach(Listener::tellMore);
            try {
                Thread.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    @Override
    public void stop() {
        running = false;
        // Those that are being told end by themselves: the service does not wait for who does not read.
        listeners.stream().filter(listener -> !listener.busy.get()).forEach(listener -> listener.emitter.complete());
        tellers.shutdown();
    }

    @Override
    public boolean isRunning() {
        return running;
    }
}
