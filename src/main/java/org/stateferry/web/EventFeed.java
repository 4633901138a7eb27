package org.stateferry.web;

import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.stateferry.repository.RunningImport;

/**
 * The latest events for subscribers; when there are too many, the oldest is dropped. Their ids grow, also from one run
 * of the service to the next, so a listener can go on where it was. Thread-safe.
 */
final class EventFeed implements JobExecutionListener {
    private static final int EVENTS_MAX = 1000;
    /** Ids that one millisecond has; with more events than that, ids could meet those of a later run. */
    private static final long IDS_PER_MILLISECOND = 1000;

    private final Clock clock;
    private final Deque<Event> events = new ArrayDeque<>();
    private long lastId;

    /**
     * Something that has happened.
     *
     * @param id larger than that of any before
     * @param type {@code import-started}, {@code import-progress} or {@code import-ended}, and of exports {@code export-started} and
     *     so on
     * @param at when
     * @param importId the ID of the import or export
     * @param attempt the attempt's ID
     * @param status the attempt's status
     * @param progress how far it is, or null where that is not what is told
     */
    record Event(
            long id,
            String type,
            Instant at,
            long importId,
            long attempt,
            String status,
            RunningImport.@Nullable State progress) {}

    EventFeed(Clock clock) {
        this.clock = clock;
        this.lastId = clock.millis() * IDS_PER_MILLISECOND;
    }

    @Override
    public void beforeJob(JobExecution execution) {
        add("-started", execution);
    }

    @Override
    public void afterJob(JobExecution execution) {
        forgetProgress(execution.getId());
        add("-ended", execution);
    }

    private synchronized void add(String what, JobExecution execution) {
        add(new Event(
                ++lastId,
                execution.getJobInstance().getJobName() + what,
                clock.instant(),
                execution.getJobInstanceId(),
                execution.getId(),
                execution.getStatus().name(),
                null));
    }

    private void add(Event event) {
        events.addLast(event);
        if (events.size() > EVENTS_MAX) {
            events.removeFirst();
        }
    }

    /**
     * Tells how far imports are. Of each only the last is kept, so that they do not push out what else has happened; one that is
     * as far as before is no event.
     */
    synchronized void progressed(List<RunningImport.State> running) {
        for (RunningImport.State state : running) {
            Optional<Event> before = events.stream()
                    .filter(event -> event.progress != null && event.attempt == state.attempt())
                    .findFirst();
            if (before.isPresent() && isAsFar(Objects.requireNonNull(before.get().progress), state)) {
                continue;
            }
            before.ifPresent(events::remove);
            String type = state.job() + "-progress";
            add(new Event(++lastId, type, clock.instant(), state.id(), state.attempt(), "STARTED", state));
        }
    }

    private static boolean isAsFar(RunningImport.State before, RunningImport.State now) {
        return before.step().equals(now.step()) && Objects.equals(before.bytesDone(), now.bytesDone());
    }

    private synchronized void forgetProgress(long attempt) {
        events.removeIf(event -> event.progress != null && event.attempt == attempt);
    }

    /** Those after the one with this id, oldest first. */
    synchronized List<Event> after(long id) {
        return events.stream().filter(event -> event.id() > id).toList();
    }

    /** The id of the last one. */
    synchronized long lastId() {
        return lastId;
    }
}
