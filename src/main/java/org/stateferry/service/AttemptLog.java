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
 * What the common log says about one dump of a definition: a line for each change of its state (queued, started, goes on,
 * imported, stopped, failed, ...). The rest is in the import's own log. A firing that ends as the one
 * before gets no line; an import that keeps failing gets one a day as a reminder.
 *
 * <p>Used by one thread at a time.
 */
final class AttemptLog implements ImportProgress {
    static final Duration REMINDER = Duration.ofDays(1);

    private static final Logger LOG = LoggerFactory.getLogger(AttemptLog.class);
    /** The most lines of one attempt that are held back. */
    private static final int LINES_MAX = 100;

    private final String job;
    private final boolean oneOfMany;
    private final List<Runnable> heldBack = new ArrayList<>();
    private @Nullable Ending ending;
    private @Nullable FailureKind kind;
    private Instant toldAt = Instant.MIN;
    private @Nullable Long importId;
    private int warnings;

    /**
     * @param job what its lines begin with
     * @param oneOfMany whether it gets no line if it turns out to be imported when it is first looked at: others are, too
     */
    AttemptLog(String job, boolean oneOfMany) {
        this.job = job;
        this.oneOfMany = oneOfMany;
    }

    /** It waits for its turn. */
    void queued() {
        Runnable line = () -> LOG.info("{}: queued", job);
        if (isUneventful()) {
            heldBack.add(line); // it ends as the one before, as a rule
        } else {
            say(line);
        }
    }

    @Override
    public void attemptBegan(long id, boolean goesOn) {
        importId = id;
        if (isUneventful()) {
            heldBack.forEach(Runnable::run);
            heldBack.clear();
            ending = null;
        }
        say(() -> LOG.info("{}: import {} {}", job, id, goesOn ? "goes on" : "started"));
    }

    private boolean isUneventful() {
        return ending == Ending.ALREADY_IMPORTED || ending == Ending.STOPPED;
    }

    @Override
    public void warning(String line) {
        warnings++;
    }

    /** The import that is being tried, if the history knows it. */
    @Nullable
    Long importId() {
        return importId;
    }

    /** Something that is no part of an import. */
    void tell(String line) {
        LOG.warn("{}: {}", job, line);
    }

    /** Holds the line back if the attempt before has failed: it is worth telling only if this one ends differently. */
    private void say(Runnable line) {
        if (ending != Ending.FAILED) {
            line.run();
        } else if (heldBack.size() < LINES_MAX) {
            heldBack.add(line);
        }
    }

    /** A firing has ended without a failure. */
    void ended(Ending now, String message, Instant at) {
        boolean expected = oneOfMany && ending == null && now == Ending.ALREADY_IMPORTED;
        if ((now != ending && !expected) || now == Ending.IMPORTED) {
            heldBack.forEach(Runnable::run);
            LOG.info("{}: {}: {}{}", job, now.tag(), message, hint());
            toldAt = at;
        }
        ending = now;
        kind = null;
        forgetAttempt();
    }

    /**
     * A firing has failed.
     *
     * @param message what has failed
     * @param failures how many firings have failed in a row
     * @param pause how long the next one is held back
     * @param surprise what nobody foresaw, or null
     * @return whether that is news: the first of its kind in a row, or for a day
     */
    boolean failed(
            FailureKind now, String message, int failures, Duration pause, @Nullable Throwable surprise, Instant at) {
        boolean changed = ending != Ending.FAILED || kind != now;
        boolean news = changed || toldAt.plus(REMINDER).isBefore(at);
        if (changed) {
            heldBack.forEach(Runnable::run);
        }
        if (news) {
            LOG.warn(
                    "{}: {}: {}: {} ({}, next try in {} min at the earliest){}",
                    job,
                    Ending.FAILED.tag(),
                    now.tag(),
                    message,
                    failures == 1 ? "for the first time" : failures + " times in a row",
                    pause.toMinutes(),
                    hint());
            if (surprise != null) {
                LOG.error("{}: internal error", job, surprise);
            }
            toldAt = at;
        }
        ending = Ending.FAILED;
        kind = now;
        forgetAttempt();
        return news;
    }

    private void forgetAttempt() {
        heldBack.clear();
        importId = null;
        warnings = 0;
    }

    private String hint() {
        String seen = warnings == 0 ? "" : warnings == 1 ? "; 1 warning" : "; " + warnings + " warnings";
        return importId == null ? seen : seen + "; see stateferry history " + importId + " --log";
    }
}
