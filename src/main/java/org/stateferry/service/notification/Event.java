package org.stateferry.service.notification;

import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * An event of a definition, as webhooks get it in JSON.
 *
 * @param event the {@link EventKind}'s tag
 * @param definition the definition's name
 * @param message a line for people
 * @param at when it happened
 * @param importId the import's ID, or null if the history has none
 * @param dump the dump's path, or null if it is about no import
 * @param image the image's path, likewise
 * @param name the snapshot's name, likewise
 * @param started when the import began, likewise
 * @param ended when it ended, or null if it has not
 * @param bytes how many bytes it has written, or null if it has not ended well
 * @param firstError why it has failed, or null if it has not
 */
public record Event(
        String event,
        String definition,
        String message,
        Instant at,
        @Nullable Long importId,
        @Nullable String dump,
        @Nullable String image,
        @Nullable String name,
        @Nullable Instant started,
        @Nullable Instant ended,
        @Nullable Long bytes,
        @Nullable FirstError firstError) {

    /**
     * Why an import has failed.
     *
     * @param kind the failure kind's tag
     * @param exitCode what the command would have ended with
     * @param message what is wrong
     * @param file the file concerned, or null
     * @param offset byte offset in that file, or null
     * @param nextStep what to do, or null
     */
    public record FirstError(
            String kind,
            int exitCode,
            String message,
            @Nullable String file,
            @Nullable Long offset,
            @Nullable String nextStep) {
        static FirstError of(StateferryException failure) {
            return new FirstError(
                    failure.kind().tag(),
                    failure.kind().exitCode(),
                    failure.problem(),
                    failure.file() == null ? null : failure.file().toString(),
                    failure.offset() == StateferryException.NO_OFFSET ? null : failure.offset(),
                    failure.advice());
        }
    }

    /**
     * What it is about.
     *
     * @param importId its ID, or null if the history has none
     * @param dump the dump's path
     * @param image the image's path
     * @param name the snapshot's name
     * @param started when it began
     */
    public record Subject(@Nullable Long importId, String dump, String image, String name, Instant started) {}

    /** One that is about no import. */
    public static Event of(EventKind kind, String definition, String message, Instant at) {
        return new Event(kind.tag(), definition, message, at, null, null, null, null, null, null, null, null);
    }

    /** An import begins. */
    public static Event start(String definition, Subject subject) {
        return of(EventKind.START, definition, "an import begins", subject.started, subject, null, null, null);
    }

    /**
     * An import has succeeded.
     *
     * @param kind {@link EventKind#SUCCESS} or {@link EventKind#RECOVERED}
     * @param bytes how many it has written
     */
    public static Event success(
            EventKind kind, String definition, String message, Subject subject, Instant ended, long bytes) {
        return of(kind, definition, message, ended, subject, ended, bytes, null);
    }

    /**
     * An import has failed.
     *
     * @param subject null if it did not even come to be known what it is about
     */
    public static Event failure(
            String definition, StateferryException failure, @Nullable Subject subject, Instant ended) {
        return of(
                EventKind.FAILURE,
                definition,
                failure.kind().tag() + ": " + failure.getMessage(),
                ended,
                subject,
                ended,
                null,
                FirstError.of(failure));
    }

    /** What was read back of a snapshot is not what was imported. */
    public static Event damaged(String definition, StateferryException failure, Subject subject, Instant found) {
        return of(
                EventKind.DAMAGED,
                definition,
                failure.kind().tag() + ": " + failure.getMessage(),
                found,
                subject,
                null,
                null,
                FirstError.of(failure));
    }

    private static Event of(
            EventKind kind,
            String definition,
            String message,
            Instant at,
            @Nullable Subject subject,
            @Nullable Instant ended,
            @Nullable Long bytes,
            @Nullable FirstError error) {
        return new Event(
                kind.tag(),
                definition,
                message,
                at,
                subject == null ? null : subject.importId,
                subject == null ? null : subject.dump,
                subject == null ? null : subject.image,
                subject == null ? null : subject.name,
                subject == null ? null : subject.started,
                ended,
                bytes,
                error);
    }
}
