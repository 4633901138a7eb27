package org.stateferry.installation;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The progress and result of work requested from a service, in JSON.
 *
 * @param id names it as long as the service runs
 * @param work what it is: {@code import}, {@code restart}, {@code abandon} or {@code export}
 * @param state how far it is
 * @param events what there is to tell since the last one that the asker knows
 * @param result what came of it, if it has ended well
 * @param failure why not, if it has not
 * @param <T> what comes of such work
 */
public record TaskReport<T>(
        long id,
        String work,
        State state,
        List<Event> events,
        @Nullable T result,
        @Nullable Failure failure) {
    /** How far a task is. */
    public enum State {
        /** It waits for its turn. */
        WAITING,
        /** It is being done. */
        RUNNING,
        /** It has ended, well or not. */
        ENDED
    }

    /**
     * Something that was told of it. Of several tellings of how far the transfer is in a row, only the last is kept.
     *
     * @param number events are numbered from 1 in the order in which they came
     * @param kind which
     * @param text the step's name, or a line for people
     * @param bytesDone stream bytes handed to the write path
     * @param bytesTotal length of the stream
     */
    public record Event(
            long number,
            Kind kind,
            @Nullable String text,
            @Nullable Long bytesDone,
            @Nullable Long bytesTotal) {
        /** What an event tells. */
        public enum Kind {
            STEP,
            TRANSFERRED,
            NOTICE,
            WARNING
        }
    }

    /**
     * A failure, as commands report it with {@code --json}.
     *
     * @param kind its kind's tag
     * @param message what is wrong
     * @param file the file concerned, or null
     * @param offset byte offset in that file, or null
     * @param nextStep what to do
     */
    public record Failure(
            String kind,
            String message,
            @Nullable String file,
            @Nullable Long offset,
            @Nullable String nextStep) {
        /** The same as an exception has it. */
        public static Failure of(StateferryException failure) {
            return new Failure(
                    failure.kind().tag(),
                    failure.problem(),
                    failure.file() == null ? null : failure.file().toString(),
                    failure.offset() == StateferryException.NO_OFFSET ? null : failure.offset(),
                    failure.nextStep());
        }

        /** The exception that it was made of, without its cause. */
        StateferryException toException() {
            FailureKind known = Arrays.stream(FailureKind.values())
                    .filter(one -> one.tag().equals(kind))
                    .findFirst()
                    .orElse(FailureKind.INTERNAL);
            StateferryException failure;
            if (file == null) {
                failure = StateferryException.of(known, message);
            } else if (offset == null) {
                failure = StateferryException.in(known, Path.of(file), message);
            } else {
                failure = StateferryException.at(known, Path.of(file), offset, message);
            }
            return nextStep == null ? failure : failure.advise(nextStep);
        }
    }
}
