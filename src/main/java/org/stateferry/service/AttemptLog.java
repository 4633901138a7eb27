package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.FailureKind;
import org.stateferry.importer.ImportProgress;

/**
 * What the log says about one definition: a line for each import and for each change between well, waiting and failing.
 * Firings that end as the one before are worth no line; of what goes on failing, one line a day reminds.
 *
 * <p>Used by one thread at a time.
 */
final class AttemptLog implements ImportProgress {
    static final Duration REMINDER = Duration.ofDays(1);

    private static final Logger LOG = LoggerFactory.getLogger(AttemptLog.class);
    /** More of one attempt is not kept. */
    private static final int LINES_MAX = 100;

    private final String job;
    private final List<Runnable> heldBack = new ArrayList<>();
    private @Nullable Ending ending;
    private @Nullable FailureKind kind;
    private Instant toldAt = Instant.MIN;

    AttemptLog(String job) {
        this.job = job;
    }

    /** What an attempt has to say is told at once, unless the one before has failed: then it says the same, as a rule. */
    @Override
    public void notice(String line) {
        say(() -> LOG.info("{}: {}", job, line));
    }

    @Override
    public void warning(String line) {
        say(() -> LOG.warn("{}: {}", job, line));
    }

    private void say(Runnable line) {
        if (ending != Ending.FAILED) {
            line.run();
        } else if (heldBack.size() < LINES_MAX) {
            heldBack.add(line);
        }
    }

    /** A firing has ended without a failure. */
    void ended(Ending now, String message, Instant at) {
        if (now != ending || now == Ending.IMPORTED) {
            heldBack.forEach(Runnable::run);
            LOG.info("{}: {}: {}", job, now.tag(), message);
            toldAt = at;
        }
        heldBack.clear();
        ending = now;
        kind = null;
    }

    /**
     * A firing has failed.
     *
     * @param message what has failed
     * @param failures how many firings have failed in a row
     * @param pause how long the next one is held back
     * @param surprise what nobody foresaw, or null
     */
    void failed(
            FailureKind now, String message, int failures, Duration pause, @Nullable Throwable surprise, Instant at) {
        boolean changed = ending != Ending.FAILED || kind != now;
        if (changed || toldAt.plus(REMINDER).isBefore(at)) {
            heldBack.forEach(Runnable::run);
            LOG.warn(
                    "{}: {}: {}: {} ({}, next try in {} min at the earliest)",
                    job,
                    Ending.FAILED.tag(),
                    now.tag(),
                    message,
                    failures == 1 ? "for the first time" : failures + " times in a row",
                    pause.toMinutes());
            if (surprise != null) {
                LOG.error("{}: internal error", job, surprise);
            }
            toldAt = at;
        }
        heldBack.clear();
        ending = Ending.FAILED;
        kind = now;
    }
}
