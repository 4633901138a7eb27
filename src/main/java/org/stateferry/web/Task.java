package org.stateferry.web;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;
import org.stateferry.installation.TaskReport;
import org.stateferry.installation.TaskReport.Event;
import org.stateferry.installation.TaskReport.State;

/** A piece of requested work, with its progress and result. Thread-safe. */
final class Task implements ImportProgress {
    /** Of more the first ones are forgotten; an import has a step or a warning now and then. */
    private static final int EVENTS_MAX = 1000;

    private final long id;
    private final String work;
    private final boolean attached;
    private final StopSignal stop;
    private final List<Event> events = new ArrayList<>();
    private State state = State.WAITING;
    private long lastNumber;
    private long askedNanos = System.nanoTime();
    private boolean endTold;
    private @Nullable Object result;
    private TaskReport.@Nullable Failure failure;

    /**
     * @param work what it is
     * @param attached whether somebody is waiting for it and it is to end if nobody asks for it any more
     * @param stop ends it
     */
    Task(long id, String work, boolean attached, StopSignal stop) {
        this.id = id;
        this.work = work;
        this.attached = attached;
        this.stop = stop;
    }

    /** What it is to do. */
    @FunctionalInterface
    interface Work {
        /** @return what comes of it, something that JSON has a form for */
        Object run(ImportProgress progress, StopSignal stop) throws StateferryException;
    }

    long id() {
        return id;
    }

    /** What it is. */
    String work() {
        return work;
    }

    StopSignal stop() {
        return stop;
    }

    boolean isAttached() {
        return attached;
    }

    synchronized boolean isWaiting() {
        return state == State.WAITING;
    }

    synchronized boolean hasEnded() {
        return state == State.ENDED;
    }

    /** Whether somebody who waits for it knows that it has ended. */
    synchronized boolean isEndTold() {
        return endTold;
    }

    /** How long nobody has asked for it. */
    synchronized long nanosUnasked() {
        return System.nanoTime() - askedNanos;
    }

    /** @param after the number of the last event that the asker knows */
    synchronized TaskReport<Object> report(long after) {
        askedNanos = System.nanoTime();
        endTold |= state == State.ENDED;
        return new TaskReport<>(
                id,
                work,
                state,
                events.stream().filter(event -> event.number() > after).toList(),
                result,
                failure);
    }

    synchronized void begun() {
        state = State.RUNNING;
    }

    synchronized void ended(Object outcome) {
        result = outcome;
        state = State.ENDED;
    }

    synchronized void failed(StateferryException reason) {
        failure = TaskReport.Failure.of(reason);
        state = State.ENDED;
    }

    @Override
    public void stepStarted(String step) {
        add(Event.Kind.STEP, step, null, null);
    }

    @Override
    public void notice(String line) {
        add(Event.Kind.NOTICE, line, null, null);
    }

    @Override
    public void warning(String line) {
        add(Event.Kind.WARNING, line, null, null);
    }

    @Override
    public synchronized void transferred(long bytesDone, long bytesTotal) {
        int last = events.size() - 1;
        if (last >= 0 && events.get(last).kind() == Event.Kind.TRANSFERRED) {
            events.remove(last);
        }
        add(Event.Kind.TRANSFERRED, null, bytesDone, bytesTotal);
    }

    private synchronized void add(Event.Kind kind, @Nullable String text, @Nullable Long done, @Nullable Long total) {
        lastNumber++;
        events.add(new Event(lastNumber, kind, text, done, total));
        if (events.size() > EVENTS_MAX) {
            events.remove(0);
        }
    }
}
