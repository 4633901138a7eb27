package org.stateferry.service.definition;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.ForeignText;
import org.stateferry.host.Uninterrupted;

/**
 * The queue of waiting imports, and the running ones. The highest priority comes first; each minute of waiting raises
 * it by one, so that no import waits for ever. Among equals it is the turn of the definition that has had none for the
 * longest time, and within a definition of the import that came first.
 *
 * <p>Two imports that name the same image never run at the same time, nor do more imports of a definition than it allows. The memory
 * of imports is bounded by {@link #ROOM}: each takes one place of it, or two if it compresses. An import that makes no progress for a
 * while is stalled, as a rule because its disk does not answer: its places are replaced by as many of {@link #STALLED_ROOM}, so that
 * it holds back only those that need the same image. When it makes progress again it counts as before, and no other begins until
 * there is room.
 *
 * <p>Thread-safe.
 */
public final class ImportQueue {
    /** How many places there are for imports that run: four times 28 MiB of buffers are within what the launcher allows. */
    public static final int ROOM = 4;

    /**
     * How many further places stalled imports may take up: eight times 28 MiB. The memory that the launcher allows is for both: that
     * of a write which the disk has not answered cannot be taken away.
     */
    public static final int STALLED_ROOM = 8;

    /** How many threads are of use: one more reads images back, one after the other. */
    public static final int THREADS = ROOM + STALLED_ROOM + 1;

    /** An import that has not got on for so long is stalled, if nothing else is said. */
    public static final Duration STALLED_AFTER = Duration.ofMinutes(1);

    /** How many places an import takes up that needs memory for compression as well. */
    private static final int COMPRESSING_PLACES = 2;

    /** What takes turns with definitions and is none; no definition can have this name. */
    public static final String NO_DEFINITION = "/";

    private static final Duration PRIORITY_STEP = Duration.ofMinutes(1);

    private final Executor threads;
    private final Clock clock;
    private final Duration stalledAfter;
    /** Of each group the one that has waited longest comes first. No group is empty. */
    private final Map<Group, Deque<Waiting>> waiting = new LinkedHashMap<>();

    private final List<Running> running = new ArrayList<>();
    /** When each definition had its last turn, counted in turns. */
    private final Map<String, Long> lastTurns = new HashMap<>();

    private long turns;
    private long submitted;

    /**
     * An import that wants its turn.
     *
     * @param job the definition's name, or what else takes turns with definitions
     * @param images the images that it writes to and that it is to wait for; absolute
     * @param places how many places of {@link #ROOM} it takes up
     * @param priority higher comes first
     * @param concurrentMax how many of its definition may run at a time, itself included
     * @param patient whether it gives way: nobody waits for its images, and it is not one of the imports that are counted
     */
    public record Ticket(String job, Set<Path> images, int places, int priority, int concurrentMax, boolean patient) {
        public Ticket {
            images = Set.copyOf(images);
        }

        /** One that others wait for. */
        public Ticket(String job, Set<Path> images, int places, int priority, int concurrentMax) {
            this(job, images, places, priority, concurrentMax, false);
        }

        /** One that reads an image when nobody else has anything to do with it, and takes up no room. */
        public static Ticket patient(String job, Path image, int priority) {
            return new Ticket(job, Set.of(image), 0, priority, 1, true);
        }
    }

    /** What is done when its turn has come. It throws nothing. */
    @FunctionalInterface
    public interface Work {
        /** @param gotOn to be called, from any thread and as often as one likes, whenever the work has got on */
        void run(Runnable gotOn);
    }

    /** What waits for one definition with one priority: nobody in it comes before one that came earlier and may run. */
    private record Group(String job, int priority, int concurrentMax) {
        private static Group of(Ticket ticket) {
            return new Group(ticket.job, ticket.priority, ticket.concurrentMax);
        }
    }

    /** @param number in the order in which they came */
    private record Waiting(Ticket ticket, String what, Work work, Instant since, long number) {}

    /** Something that has its turn. */
    private static final class Running {
        private final Ticket ticket;
        /** When it has last got on. */
        private volatile Instant movedAt;

        private Running(Ticket ticket, Instant begun) {
            this.ticket = ticket;
            this.movedAt = begun;
        }
    }

    /**
     * Where an import stands in the queue.
     *
     * @param place counted from 1
     * @param definition the definition that asks for it, or null if somebody else does
     * @param what what is to be done
     * @param since since when it has been waiting
     */
    public record Place(int place, @Nullable String definition, String what, Instant since) {}

    /** The same with {@link #STALLED_AFTER}. */
    public ImportQueue(Executor threads, Clock clock) {
        this(threads, clock, STALLED_AFTER);
    }

    /**
     * @param threads runs what has its turn, each on a thread of its own; {@link #ROOM} and {@link #STALLED_ROOM} at a time
     * @param clock tells how long something has waited, or has not got on
     * @param stalledAfter what has not got on for so long is stalled
     */
    public ImportQueue(Executor threads, Clock clock, Duration stalledAfter) {
        this.threads = threads;
        this.clock = clock;
        this.stalledAfter = stalledAfter;
    }

    /** How many places an import takes up. */
    public static int places(boolean compresses) {
        return compresses ? COMPRESSING_PLACES : 1;
    }

    /**
     * Puts an import into the queue; it may run at once.
     *
     * @param what what is to be done, for people
     * @param work what is done when its turn has come
     */
    public void submit(Ticket ticket, String what, Work work) {
        boolean mayChange;
        synchronized (this) {
            Instant now = clock.instant();
            waiting.computeIfAbsent(Group.of(ticket), group -> new ArrayDeque<>())
                    .add(new Waiting(ticket, what, work, now, ++submitted));
            // Nobody else's turn comes because one more waits, so that thousands can be put in at little cost.
            mayChange = mayRun(ticket) && hasRoom(ticket, now);
        }
        if (mayChange) {
            startAllThatCan();
        }
    }

    /** Starts what may run because other imports are stalled; to be called now and then. */
    public void review() {
        startAllThatCan();
    }

    private void startAllThatCan() {
        for (Turn next = takeNext(); next != null; next = takeNext()) {
            Turn turn = next;
            threads.execute(() -> run(turn));
        }
    }

    /** What is to run now, and how it is listed meanwhile. */
    private record Turn(Work work, Running running) {}

    private void run(Turn turn) {
        try {
            turn.running.movedAt = clock.instant(); // it may have waited for a thread
            turn.work.run(() -> turn.running.movedAt = clock.instant());
        } finally {
            synchronized (this) {
                running.remove(turn.running);
                notifyAll();
            }
            startAllThatCan();
        }
    }

    private synchronized @Nullable Turn takeNext() {
        Instant now = clock.instant();
        Waiting next = waiting.values().stream()
                .flatMap(group -> firstThatMayRun(group).stream())
                .min(order(now))
                .orElse(null);
        // Whoever comes next waits until there is room for him: others that need less must not keep him from it for
        // ever.
        if (next == null || !hasRoom(next.ticket, now)) {
            return null;
        }
        Group group = Group.of(next.ticket);
        Deque<Waiting> left = Objects.requireNonNull(waiting.get(group));
        left.remove(next); // it is among the first of them
        if (left.isEmpty()) {
            waiting.remove(group);
        }
        Running begun = new Running(next.ticket, now);
        running.add(begun);
        lastTurns.put(next.ticket.job, ++turns);
        return new Turn(next.work, begun);
    }

    private Optional<Waiting> firstThatMayRun(Deque<Waiting> group) {
        return isAllowed(group.element().ticket)
                ? group.stream().filter(candidate -> mayRun(candidate.ticket)).findFirst()
                : Optional.empty();
    }

    private Comparator<Waiting> order(Instant now) {
        return Comparator.comparingLong((Waiting candidate) -> -priority(candidate, now))
                .thenComparing(candidate -> lastTurns.getOrDefault(candidate.ticket.job, 0L))
                .thenComparing(Waiting::number);
    }

    private Stream<Waiting> allWaiting() {
        return waiting.values().stream().flatMap(Deque::stream);
    }

    /**
     * What waits, in the order of its turns as they stand now; who comes and who must wait for an image can change that.
     *
     * @param most how many are told of, those who come first
     */
    public synchronized List<Place> places(int most) {
        List<Place> places = new ArrayList<>();
        for (Waiting one :
                allWaiting().sorted(order(clock.instant())).limit(most).toList()) {
            String job = one.ticket.job;
            places.add(new Place(
                    places.size() + 1,
                    job.equals(NO_DEFINITION) || one.ticket.patient ? null : ForeignText.escape(job),
                    ForeignText.escape(one.what),
                    one.since));
        }
        return places;
    }

    private static long priority(Waiting candidate, Instant now) {
        long waited = Math.max(0, Duration.between(candidate.since, now).dividedBy(PRIORITY_STEP));
        return candidate.ticket.priority + waited;
    }

    private boolean hasRoom(Ticket ticket, Instant now) {
        int moving = places(running.stream().filter(other -> !isStalled(other, now)));
        int all = places(running.stream());
        return moving + ticket.places <= ROOM && all + ticket.places <= ROOM + STALLED_ROOM;
    }

    private static int places(Stream<Running> some) {
        return some.mapToInt(one -> one.ticket.places).sum();
    }

    private boolean isStalled(Running one, Instant now) {
        return Duration.between(one.movedAt, now).compareTo(stalledAfter) >= 0;
    }

    /** Whether its definition may run one more, which is the same for all of a group. */
    private boolean isAllowed(Ticket ticket) {
        long ofJob = running.stream()
                .filter(other -> other.ticket.job.equals(ticket.job))
                .count();
        return ofJob < ticket.concurrentMax;
    }

    private boolean mayRun(Ticket ticket) {
        return isAllowed(ticket)
                && running.stream()
                        .filter(other -> !other.ticket.patient)
                        .flatMap(other -> other.ticket.images.stream())
                        .noneMatch(ticket.images::contains);
    }

    /** How many imports wait. */
    public synchronized int waitingCount() {
        return (int) allWaiting().filter(candidate -> !candidate.ticket.patient).count();
    }

    /** How many imports run. */
    public synchronized int runningCount() {
        return (int) running.stream().filter(one -> !one.ticket.patient).count();
    }

    /** How many of those that run are stalled. */
    public synchronized int stalledCount() {
        Instant now = clock.instant();
        return (int) running.stream()
                .filter(one -> !one.ticket.patient && isStalled(one, now))
                .count();
    }

    /** Waiting time of the import that has waited longest; nothing if none waits. */
    public synchronized Duration longestWait() {
        return allWaiting()
                .filter(candidate -> !candidate.ticket.patient)
                .map(Waiting::since)
                .min(Comparator.naturalOrder())
                .map(since -> Duration.between(since, clock.instant()))
                .orElse(Duration.ZERO);
    }

    /** Returns when nothing waits and nothing runs any more. Interrupts are kept for later. */
    public synchronized void awaitEmpty() {
        Uninterrupted.run(() -> {
            while (!waiting.isEmpty() || !running.isEmpty()) {
                wait();
            }
        });
    }
}
