package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.stateferry.service.definition.ImportQueue.Ticket;
import org.stateferry.testing.FakeClock;

/** Whose turn it is. Threads are a list of what was given to them; a test says when one of them works. */
class ImportQueueTest {
    private final FakeClock clock = new FakeClock("2026-11-20T12:00:00Z");
    private final Deque<Runnable> threads = new ArrayDeque<>();
    private ImportQueue queue = new ImportQueue(threads::add, clock);
    private final List<String> done = new ArrayList<>();
    private int images;

    private void submit(String job, int priority) {
        submit(job, new Ticket(job, Set.of(Path.of("/image" + images++)), 1, priority, 64));
    }

    private void submit(String name, Ticket ticket) {
        queue.submit(ticket, "an import", gotOn -> done.add(name));
    }

    private void workThroughAll() {
        while (!threads.isEmpty()) {
            threads.remove().run();
        }
    }

    /** Makes everybody who comes wait. */
    private void fill() {
        for (int i = 0; i < ImportQueue.ROOM; i++) {
            submit("full", 0);
        }
        assertThat(queue.runningCount()).isEqualTo(ImportQueue.ROOM);
    }

    private List<String> doneAfterThoseThatFilled() {
        workThroughAll();
        return done.subList(ImportQueue.ROOM, done.size());
    }

    @Test
    void definitionsTakeTurns() {
        fill();
        for (int i = 0; i < 3; i++) {
            submit("a", 0);
        }
        submit("b", 0);
        submit("c", 0);

        assertThat(doneAfterThoseThatFilled()).containsExactly("a", "b", "c", "a", "a");
    }

    @Test
    void aHigherPriorityComesFirst() {
        fill();
        submit("low", -1);
        submit("usual", 0);
        submit("high", 1);

        assertThat(doneAfterThoseThatFilled()).containsExactly("high", "usual", "low");
    }

    @Test
    void whoWaitsLongComesBeforeAHigherPriority() {
        queue = new ImportQueue(threads::add, clock, Duration.ofDays(1)); // in which nobody is taken for stalled
        fill();
        submit("low", 0);
        clock.advance(Duration.ofMinutes(11));
        submit("high", 10);

        assertThat(queue.longestWait()).isEqualTo(Duration.ofMinutes(11));
        assertThat(doneAfterThoseThatFilled()).containsExactly("low", "high");
    }

    @Test
    void twoNeverRunOnOneImage() {
        Path shared = Path.of("/shared");
        submit("a", new Ticket("a", Set.of(shared, Path.of("/a")), 1, 0, 1));
        submit("b", new Ticket("b", Set.of(shared), 1, 0, 1));
        submit("c", 0);

        assertThat(queue.runningCount()).isEqualTo(2);
        assertThat(queue.waitingCount()).isEqualTo(1);
        workThroughAll();
        assertThat(done).containsExactly("a", "c", "b");
    }

    @Test
    void whatIsPatientComesLastTakesNoRoomAndKeepsNobodyFromItsImage() {
        Path shared = Path.of("/shared");
        submit("first", new Ticket("first", Set.of(shared), 1, 0, 1));
        submit("reading", Ticket.patient("reading", shared, -1000));
        submit("elsewhere", Ticket.patient("reading elsewhere", Path.of("/other"), -1000));
        assertThat(threads).as("who has the image is waited for").hasSize(2);
        assertThat(queue.runningCount() + queue.waitingCount()).as("imports").isEqualTo(1);
        threads.removeFirst().run();
        assertThat(threads).as("both are read").hasSize(2);

        submit("second", new Ticket("second", Set.of(shared), ImportQueue.ROOM, 0, 1));
        submit("third", new Ticket("third", Set.of(), 1, 0, 1));
        submit("late", Ticket.patient("late", Path.of("/late"), -1000));

        assertThat(threads).as("nobody waits for those who read").hasSize(3);
        assertThat(queue.waitingCount()).isEqualTo(1);
        workThroughAll();
        assertThat(done).containsExactly("first", "elsewhere", "reading", "second", "third", "late");
    }

    /** Its definition goes no further than it may, and all others do. */
    @Test
    void aDefinitionHasNoMoreAtATimeThanItAllows() {
        for (int i = 0; i < 5; i++) {
            submit("slow", new Ticket("slow", Set.of(Path.of("/slow" + i)), 1, 100, 1));
        }
        Runnable hangs = threads.remove();
        submit("other", 0);
        submit("another", 0);
        workThroughAll();

        assertThat(done).containsExactly("other", "another");
        hangs.run();
        workThroughAll();
        assertThat(done).hasSize(7);
    }

    /** More disks that do not answer than there are places. */
    @Test
    void whoeverDoesNotGetOnMakesRoomForOthersAfterAWhile() {
        for (int i = 0; i < 5; i++) {
            submit("hangs" + i, 0);
        }
        submit("works", 0);
        clock.advance(ImportQueue.STALLED_AFTER.minusMillis(1));
        queue.review();
        assertThat(queue.runningCount()).isEqualTo(ImportQueue.ROOM);
        assertThat(queue.stalledCount()).isZero();

        clock.advance(Duration.ofMillis(1));
        queue.review();

        assertThat(queue.stalledCount()).isEqualTo(4);
        assertThat(queue.runningCount())
                .as("the fifth that hangs, and the one that works")
                .isEqualTo(6);
        threads.removeLast().run();
        assertThat(done).containsExactly("works");
    }

    /** One that takes up all places. */
    private static Ticket whole() {
        return new Ticket("whole", Set.of(Path.of("/whole")), ImportQueue.ROOM, 0, 1);
    }

    @Test
    void whoeverGetsOnIsNotStalledHoweverLongItTakes() {
        queue.submit(whole(), "an import", gotOn -> {
            submit("waits", 0);
            for (int minute = 0; minute < 10; minute++) {
                clock.advance(ImportQueue.STALLED_AFTER.minusSeconds(1));
                gotOn.run();
                queue.review();
            }
            assertThat(queue.stalledCount()).isZero();
            assertThat(queue.waitingCount()).isEqualTo(1);
            done.add("slow");
        });
        workThroughAll();

        assertThat(done).containsExactly("slow", "waits");
    }

    @Test
    void whoeverGetsOnAgainCountsAsBefore() {
        queue.submit(whole(), "an import", gotOn -> {
            clock.advance(ImportQueue.STALLED_AFTER);
            assertThat(queue.stalledCount()).isEqualTo(1);
            gotOn.run();
            submit("waits", 0);
            assertThat(queue.stalledCount()).isZero();
            assertThat(queue.waitingCount()).isEqualTo(1);
            done.add("slow");
        });
        workThroughAll();

        assertThat(done).containsExactly("slow", "waits");
    }

    @Test
    void stalledImportsAreBoundedToo() {
        for (int i = 0; i < 100; i++) {
            submit("hangs" + i, 0);
        }
        for (int minute = 0; minute < 10; minute++) {
            clock.advance(ImportQueue.STALLED_AFTER);
            queue.review();
        }

        assertThat(queue.runningCount()).isEqualTo(ImportQueue.ROOM + ImportQueue.STALLED_ROOM);
        assertThat(queue.stalledCount()).isEqualTo(ImportQueue.ROOM + ImportQueue.STALLED_ROOM);
        workThroughAll();
        assertThat(done).hasSize(100);
    }

    @Test
    void whatNeedsMoreMemoryTakesMoreRoomAndIsNotPassedByForEver() {
        for (int i = 0; i < 3; i++) {
            submit("small", 0);
        }
        submit("large", new Ticket("large", Set.of(Path.of("/large")), 2, 0, 1));
        submit("small", 0);

        assertThat(queue.waitingCount()).as("one place is free, and stays so").isEqualTo(2);
        threads.remove().run();
        assertThat(queue.runningCount()).isEqualTo(3);
        workThroughAll();
        assertThat(done).containsExactly("small", "small", "small", "large", "small");
    }

    /** With real threads: bounded, none lost, none twice, never two on one image. */
    @Test
    @Timeout(600)
    void aHundredAreAllDoneOnce() throws Exception {
        ExecutorService real = Executors.newFixedThreadPool(ImportQueue.ROOM);
        ImportQueue busy = new ImportQueue(real, clock);
        Map<Integer, AtomicInteger> runs = new ConcurrentHashMap<>();
        Set<Integer> busyImages = Collections.newSetFromMap(new ConcurrentHashMap<>());
        AtomicInteger collisions = new AtomicInteger();
        AtomicInteger now = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch all = new CountDownLatch(100);
        IntStream.range(0, 100).parallel().forEach(number -> {
            int image = number % 30;
            Ticket ticket = new Ticket("job" + number % 7, Set.of(Path.of("/i" + image)), 1, number % 3, 2);
            busy.submit(ticket, "an import", gotOn -> {
                most.accumulateAndGet(now.incrementAndGet(), Math::max);
                if (!busyImages.add(image)) {
                    collisions.incrementAndGet();
                }
                runs.computeIfAbsent(number, key -> new AtomicInteger()).incrementAndGet();
                Thread.onSpinWait();
                busyImages.remove(image);
                now.decrementAndGet();
                all.countDown();
            });
        });
        assertThat(all.await(10, TimeUnit.MINUTES)).isTrue();
        busy.awaitEmpty();
        real.shutdown();

        assertThat(runs).hasSize(100);
        assertThat(runs.values()).allMatch(count -> count.get() == 1);
        assertThat(collisions).hasValue(0);
        assertThat(most.get()).isLessThanOrEqualTo(ImportQueue.ROOM);
        assertThat(busy.runningCount()).isZero();
    }

    /** Were each of them compared with all others, this would take hours. */
    @Test
    @Timeout(600)
    void aHundredThousandWaitAtNoGreatCostAndComeInTheirOrder() {
        fill();
        for (int i = 0; i < 100_000; i++) {
            submit("folder", new Ticket("folder", Set.of(Path.of("/image" + i)), 1, 0, 2));
        }
        submit("urgent", 1);
        assertThat(queue.waitingCount()).isEqualTo(100_001);
        assertThat(queue.places(3))
                .extracting(ImportQueue.Place::definition)
                .containsExactly("urgent", "folder", "folder");

        assertThat(doneAfterThoseThatFilled()).hasSize(100_001).startsWith("urgent", "folder");
    }
}
