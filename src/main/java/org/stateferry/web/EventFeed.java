package org.stateferry.web;

import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;

/**
 * What has happened, for those who want to hear of it: a number of events, of which the oldest is forgotten when there are too
 * many. Their ids grow, also from one run of the service to the next, so a listener can go on where it was. Thread-safe.
 */
final class EventFeed implements JobExecutionListener {
    private static final int EVENTS_MAX = 1000;
    /** So many events can be told in a millisecond before ids could meet those of a later run. */
    private static final long IDS_PER_MILLISECOND = 1000;

    private final Clock clock;
    private final Deque<Event> events = new ArrayDeque<>();
    private long lastId;

    /**
     * Something that has happened.
     *
     * @param id larger than that of any before
     * @param type {@code import-started} or {@code import-ended}
     * @param at when
     * @param importId the import's ID
     * @param attempt the attempt's ID
     * @param status the attempt's status
     */
    record Event(long id, String type, Instant at, long importId, long attempt, String status) {}

    EventFeed(Clock clock) {
        this.clock = clock;
        this.lastId = clock.millis() * IDS_PER_MILLISECOND;
    }

    @Override
    public void beforeJob(JobExecution execution) {
        add("import-started", execution);
    }

    @Override
    public void afterJob(JobExecution execution) {
        add("import-ended", execution);
    }

    private synchronized void add(String type, JobExecution execution) {
        lastId++;
        events.addLast(new Event(
                lastId,
                type,
                clock.instant(),
                execution.getJobInstanceId(),
                execution.getId(),
                execution.getStatus().name()));
        if (events.size() > EVENTS_MAX) {
            events.removeFirst();
        }
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
