package org.stateferry.e2e;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import org.stateferry.testing.RunningCommand;

/**
 * The parts of an import's life that a kill can fall into, told apart by what {@code --progress json} says on standard
 * error when each begins.
 */
enum ImportPhase {
    /** The JVM, the framework, the job repository, and the opening of both files. */
    START(""),
    PREPARE("\"step\":\"prepare\""),
    TRANSFER("\"step\":\"transfer\""),
    PUBLISH("\"step\":\"publish\""),
    /** The outcome is told; the program closes what it has open. */
    END("imported as snapshot");

    private static final Duration LIMIT = Duration.ofMinutes(10);

    private final String marker;

    ImportPhase(String marker) {
        this.marker = marker;
    }

    /**
     * A moment in an import's life.
     *
     * @param phase in which phase
     * @param part how much of the phase's usual duration has passed, from 0 to 1
     */
    record Moment(ImportPhase phase, double part) {
        /** Waits for the moment, or for the command's end. */
        void await(RunningCommand command, Map<ImportPhase, Duration> usual) throws InterruptedException {
            if (phase.awaitIn(command)) {
                Thread.sleep(Math.round(usual.get(phase).toMillis() * part));
            }
        }
    }

    /** Waits until the command enters the phase; false if it ended before. */
    boolean awaitIn(RunningCommand command) {
        return command.awaitStderr(marker);
    }

    /** Watches an undisturbed import to its end: how long it spent in each phase. */
    static Map<ImportPhase, Duration> measure(RunningCommand command) {
        Map<ImportPhase, Duration> durations = new EnumMap<>(ImportPhase.class);
        long begin = System.nanoTime();
        for (ImportPhase phase : values()) {
            phase.awaitIn(command);
            long entered = System.nanoTime();
            if (phase != START) {
                durations.put(values()[phase.ordinal() - 1], Duration.ofNanos(entered - begin));
            }
            begin = entered;
        }
        command.await(LIMIT).requireSuccess();
        durations.put(END, Duration.ofNanos(System.nanoTime() - begin));
        return durations;
    }
}
