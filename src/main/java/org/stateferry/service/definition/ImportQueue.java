package org.stateferry.service.definition;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.ForeignText;

/**
 * The imports that wait for their turn, and how many of them run. Whoever has the highest priority comes first; a minute of
 * waiting raises it by one, so that nobody waits for ever. Among equals it is the turn of the definition that had none for the
 * longest time, and within a definition of what came first.
 *
 * <p>Two that name the same image never run at a time, and never more of one definition than it allows. So a disk that does not answer
 * holds back those that need it, and takes away room for one import from the others. What imports need of memory is bounded
 * by {@link #ROOM}: each takes up one place of it, or two if it compresses.
 *
 * <p>Thread-safe.
 */
public final class ImportQueue {
    /** How many places there are for imports that run: four times 28 MiB of buffers are within what the launcher allows. */
    public static final int ROOM = 4;

    /** How many places an import takes up that needs memory for compression as well. */
    private static final int COMPRESSING_PLACES = 2;

    /** What takes turns with definitions and is none; no definition can have this name. */
    public static final String NO_DEFINITION = "/";

    private static final Duration PRIORITY_STEP = Duration.ofMinutes(1);

    private final Executor threads;
    private final Clock clock;
    private final List<Waiting> waiting = new ArrayList<>();
    private final List<Ticket> running = new ArrayList<>();
    /** When each definition had its last turn, counted in turns. */
    private final Map<String, Long> lastTurns = new HashMap<>();

    private long turns;

    /**
     * An import that wants its turn.
     *
     * @param job the definition's name, or what else takes turns with definitions
     * @param images the images that it writes to and that it is to wait for; absolute
     * @param places how many places of {@link #ROOM} it takes up
     * @param priority higher comes first
     * @param concurrentMax how many of its definition may run at a time, itself included
     */
    public record Ticket(String job, Set<Path> images, int places, int priority, int concurrentMax) {
        public Ticket {
            images = Set.copyOf(images);
        }
    }

    private record Waiting(Ticket ticket, String what, Runnable work, Instant since) {}

    /**
     * Where an import stands in the queue.
     *
     * @param place counted from 1
     * @param definition the definition that asks for it, or null if somebody else does
     * @param what what is to be done
     * @param since since when it has been waiting
     */
    public record Place(int place, @Nullable String definition, String what, Instant since) {}

    /**
     * @param threads runs what has its turn, each on a thread of its own; {@link #ROOM} at a time
     * @param clock tells how long something has waited
     */
    public ImportQueue(Executor threads, Clock clock) {
        this.threads = threads;
        this.clock = clock;
    }

    /** How many places an import takes up. */
    public static int places(boolean compresses) {
        return compresses ? COMPRESSING_PLACES : 1;
    }

    /**
     * Lets an import wait for its turn, which may be at once.
     *
     * @param what what is to be done, for people
     * @param work throws nothing
     */
    public void submit(Ticket ticket, String what, Runnable work) {
        synchronized (this) {
            waiting.add(new Waiting(ticket, what, work, clock.instant()));
        }
        startAllThatCan();
    }

    private void startAllThatCan() {
        for (Waiting next = takeNext(); next != null; next = takeNext()) {
            Waiting turn = next;
            threads.execute(() -> run(turn));
        }
    }

    private void run(Waiting turn) {
        try {
            turn.work.run();
        } finally {
            synchronized (this) {
                running.remove(turn.ticket);
                notifyAll();
            }
            startAllThatCan();
        }
    }

    private synchronized @Nullable Waiting takeNext() {
        Waiting next = waiting.stream()
                .filter(candidate -> mayRun(candidate.ticket))
                // min keeps to the order in which they came
                .min(order(clock.instant()))
                .orElse(null);
        // Whoever comes next waits until there is room for him: others that need less must not keep him from it for
        // ever.
        if (next != null && !hasRoom(next.ticket)) {
            return null;
        }
        if (next != null) {
            waiting.remove(next);
            running.add(next.ticket);
            lastTurns.put(next.ticket.job, ++turns);
        }
        return next;
    }

    private Comparator<Waiting> order(Instant now) {
        return Comparator.comparingLong((Waiting candidate) -> -priority(candidate, now))
                .thenComparing(candidate -> lastTurns.getOrDefault(candidate.ticket.job, 0L));
    }

    /** What waits, in the order of its turns as they stand now; who comes and who must wait for an image can change that. */
    public synchronized List<Place> places() {
        List<Place> places = new ArrayList<>();
        for (Waiting one : waiting.stream().sorted(order(clock.instant())).toList()) {
            String job = one.ticket.job;
            places.add(new Place(
                    places.size() + 1,
                    job.equals(NO_DEFINITION) ? null : ForeignText.escape(job),
                    ForeignText.escape(one.what),
                    one.since));
        }
        return places;
    }

    private static long priority(Waiting candidate, Instant now) {
        long waited = Math.max(0, Duration.between(candidate.since, now).dividedBy(PRIORITY_STEP));
        return candidate.ticket.priority + waited;
    }

    private boolean hasRoom(Ticket ticket) {
        return running.stream().mapToInt(Ticket::places).sum() + ticket.places <= ROOM;
    }

    private boolean mayRun(Ticket ticket) {
        long ofJob =
                running.stream().filter(other -> other.job.equals(ticket.job)).count();
        return ofJob < ticket.concurrentMax
                && running.stream().flatMap(other -> other.images.stream()).noneMatch(ticket.images::contains);
    }

    /** How many imports wait. */
    public synchronized int waitingCount() {
        return waiting.size();
    }

    /** How many imports run. */
    public synchronized int runningCount() {
        return running.size();
    }

    /** How long the import has waited that has waited longest; nothing if none waits. */
    public synchronized Duration longestWait() {
        return waiting.stream()
                .map(Waiting::since)
                .min(Comparator.naturalOrder())
                .map(since -> Duration.between(since, clock.instant()))
                .orElse(Duration.ZERO);
    }

    /** Returns when nothing waits and nothing runs any more. Interrupts are kept for later. */
    public synchronized void awaitEmpty() {
        boolean interrupted = false;
        while (!waiting.isEmpty() || !running.isEmpty()) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
