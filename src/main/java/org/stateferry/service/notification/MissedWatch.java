package org.stateferry.service.notification;

import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.stateferry.error.ForeignText;

/**
 * Reports a definition that has not succeeded in time once, and again only after it has recovered. It has a thread of
 * its own: a definition may be late because all other threads are stuck.
 */
public final class MissedWatch implements SmartLifecycle {
    private static final Duration INTERVAL = Duration.ofSeconds(20);
    private static final Logger LOG = LoggerFactory.getLogger(MissedWatch.class);

    private final Supplier<Map<String, String>> missed;
    private final BiConsumer<String, String> listener;
    private final Set<String> told = new HashSet<>();
    private volatile boolean running;

    /**
     * @param missed the definitions of which something was missed, each with a line about it
     * @param listener hears of each, by name and line
     */
    public MissedWatch(Supplier<Map<String, String>> missed, BiConsumer<String, String> listener) {
        this.missed = missed;
        this.listener = listener;
    }

    @Override
    public void start() {
        running = true;
        Thread watch = new Thread(this::watch, "missed-watch");
        watch.setDaemon(true);
        watch.start();
    }

    private void watch() {
        while (running) {
            try {
                look();
            } catch (RuntimeException e) {
                LOG.error("Nobody knows whether a firing was missed", e);
            }
            try {
                Thread.sleep(INTERVAL.toMillis());
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** Looks once, and tells what is new. */
    synchronized void look() {
        Map<String, String> now = missed.get();
        told.retainAll(now.keySet());
        now.forEach((definition, message) -> {
            if (told.add(definition)) {
                LOG.warn("{}: missed: {}", ForeignText.escape(definition), ForeignText.escape(message));
                listener.accept(definition, message);
            }
        });
    }

    @Override
    public void stop() {
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }
}
