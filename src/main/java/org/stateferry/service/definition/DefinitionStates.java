package org.stateferry.service.definition;

import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.stateferry.home.StateferryHome;

/**
 * The paused definitions and the last firings of those that catch up on missed ones, kept in a file of the home so that
 * they survive a restart. Thread-safe.
 */
public final class DefinitionStates {
    private final HomeFile<Content> file;
    private final Map<String, State> byJob = new TreeMap<>();
    private boolean allPaused;

    record Content(boolean allPaused, Map<String, State> definitions) {
        Content {
            definitions = Map.copyOf(definitions);
        }
    }

    record State(boolean paused, Instant fired) {
        private static final State NEW = new State(false, Instant.EPOCH);

        State {
            Objects.requireNonNull(fired);
        }
    }

    /** @param home where it is kept */
    public DefinitionStates(StateferryHome home) {
        this.file = new HomeFile<>(home.definitionsFile(), Content.class);
        file.read().ifPresent(content -> {
            allPaused = content.allPaused;
            byJob.putAll(content.definitions);
        });
    }

    /** Whether a definition is to start no import, because it or all of them are paused. */
    public synchronized boolean isPaused(String job) {
        return allPaused || state(job).paused;
    }

    /** Pauses a definition, or resumes it. */
    public synchronized void pause(String job, boolean paused) {
        put(job, new State(paused, state(job).fired));
    }

    /** Pauses all definitions, or ends that; those that are paused by themselves stay so. */
    public synchronized void pauseAll(boolean paused) {
        allPaused = paused;
        write();
    }

    /** When a definition last fired, if that was ever noted. */
    public synchronized Optional<Instant> fired(String job) {
        Instant fired = state(job).fired;
        return fired.equals(Instant.EPOCH) ? Optional.empty() : Optional.of(fired);
    }

    /** Notes that a definition has fired. */
    public synchronized void fired(String job, Instant at) {
        put(job, new State(state(job).paused, at));
    }

    private State state(String job) {
        return byJob.getOrDefault(job, State.NEW);
    }

    private void put(String job, State state) {
        byJob.put(job, state);
        write();
    }

    private void write() {
        file.write(new Content(allPaused, byJob));
    }
}
