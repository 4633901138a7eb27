package org.stateferry.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

@Timeout(600)
class InFlightWritesTest {
    /** What the image takes for each buffer. */
    private static final int STORED_SIZE = 3;

    private static final int IN_FLIGHT_MAX = 4;
    private static final StateferryException FIRST = StateferryException.of(FailureKind.IO, "first");
    private static final StateferryException SECOND = StateferryException.of(FailureKind.NO_SPACE, "second");

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final BufferPool pool = new BufferPool(64, 4096, 512);
    /** Each write waits here for its turn; a write without a gate goes through. */
    private final Map<Long, CountDownLatch> gates = new ConcurrentHashMap<>();

    private final Map<Long, StateferryException> failures = new ConcurrentHashMap<>();
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger mostRunning = new AtomicInteger();

    @AfterEach
    void endThreads() throws InterruptedException {
        gates.values().forEach(CountDownLatch::countDown);
        threads.shutdown();
        assertThat(threads.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    }

    private InFlightWrites writes(long firstIndex, TransferObserver observer) {
        return new InFlightWrites(threads, IN_FLIGHT_MAX, firstIndex, this::write, observer);
    }

    private int write(long index, WriteLoad load) throws StateferryException {
        mostRunning.accumulateAndGet(running.incrementAndGet(), Math::max);
        try {
            CountDownLatch gate = gates.get(index);
            if (gate != null && !gate.await(10, TimeUnit.MINUTES)) {
                throw new AssertionError("write " + index + " was never let through");
            }
        } catch (InterruptedException e) {
            throw new AssertionError("threads are never interrupted", e);
        } finally {
            running.decrementAndGet();
        }
        StateferryException failure = failures.get(index);
        if (failure != null) {
            throw failure;
        }
        return STORED_SIZE;
    }

    private void close(long... indexes) {
        for (long index : indexes) {
            gates.put(index, new CountDownLatch(1));
        }
    }

    private void open(long index) {
        gates.get(index).countDown();
    }

    private void submit(InFlightWrites writes, long index) throws StateferryException {
        writes.submit(index, pool.take());
    }

    private static void awaitFailure(InFlightWrites writes) throws InterruptedException {
        while (catchThrowableOfType(StateferryException.class, writes::throwIfFailed) == null) {
            Thread.sleep(1);
        }
    }

    @Test
    void aLoadThatStandsForManyBuffersIsOneWriteAndCompletesAllOfThem() throws Exception {
        InFlightWrites writes = writes(5, TransferObserver.NONE);
        close(5);
        submit(writes, 5);
        writes.submit(6, new WriteLoad() {
            @Override
            public int size() {
                return 4096;
            }

            @Override
            public int count() {
                return 60_000;
            }

            @Override
            public int checksum() {
                return 0;
            }

            @Override
            public void release() {
                // nothing is held
            }
        });
        submit(writes, 60_006);
        assertThat(writes.contiguousEnd()).isEqualTo(5);
        open(5);
        writes.drain();

        assertThat(writes.contiguousEnd()).isEqualTo(60_007);
    }

    @Test
    void soManyWritesRunAtOnceAndTheNextSubmissionWaits() throws Exception {
        AtomicLong blocked = new AtomicLong(-1);
        InFlightWrites writes = writes(0, new TransferObserver() {
            @Override
            public void blockedNanos(long nanos) {
                blocked.set(nanos);
            }
        });
        close(0, 1, 2, 3);
        for (int index = 0; index < IN_FLIGHT_MAX; index++) {
            submit(writes, index);
        }
        assertThat(blocked).as("nothing had to wait yet").hasValue(-1);

        CountDownLatch returned = new CountDownLatch(1);
        Thread submitter = new Thread(() -> {
            try {
                submit(writes, 4);
            } catch (StateferryException e) {
                throw new AssertionError(e);
            }
            returned.countDown();
        });
        submitter.start();
        while (submitter.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        assertThat(returned.getCount()).as("the fifth waits").isOne();
        assertThat(pool.takenCount()).isEqualTo(5);

        open(2);
        assertThat(returned.await(10, TimeUnit.MINUTES)).isTrue();
        assertThat(blocked.get()).isPositive();
        List.of(0L, 1L, 3L).forEach(this::open);
        writes.drain();
        submitter.join();
        assertThat(pool.takenCount()).isZero();
        assertThat(writes.contiguousEnd()).isEqualTo(5);
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3})
    void underLoadTheBoundIsNeverExceededAndEverythingIsWritten(long seed) throws Exception {
        Random random = new Random(seed);
        AtomicInteger inFlight = new AtomicInteger();
        AtomicInteger stored = new AtomicInteger();
        List<Integer> seen = Collections.synchronizedList(new ArrayList<>());
        InFlightWrites writes = writes(100, new TransferObserver() {
            @Override
            public void bufferWritten(int bytes, long nanos) {
                stored.addAndGet(bytes);
            }

            @Override
            public void inFlight(int change) {
                seen.add(inFlight.addAndGet(change));
            }
        });
        for (int i = 0; i < 500; i++) {
            submit(writes, 100 + i);
            if (random.nextInt(50) == 0) {
                writes.drain();
            }
        }
        writes.drain();

        assertThat(mostRunning.get()).isBetween(1, IN_FLIGHT_MAX);
        assertThat(seen).hasSize(1000).allMatch(count -> count >= 0 && count <= IN_FLIGHT_MAX);
        assertThat(inFlight).hasValue(0);
        assertThat(stored).hasValue(500 * STORED_SIZE);
        assertThat(writes.contiguousEnd()).isEqualTo(600);
        assertThat(pool.takenCount()).isZero();
    }

    @Test
    void theBoundaryMovesOnlyOverCompletedNeighbours() throws Exception {
        InFlightWrites writes = writes(7, TransferObserver.NONE);
        close(7, 8, 9, 10);
        for (long index = 7; index <= 10; index++) {
            submit(writes, index);
        }
        open(8);
        open(10);
        awaitInFlight(2);
        assertThat(writes.contiguousEnd()).as("7 is still missing").isEqualTo(7);

        open(7);
        awaitInFlight(1);
        assertThat(writes.contiguousEnd()).as("9 is still missing").isEqualTo(9);

        open(9);
        writes.drain();
        assertThat(writes.contiguousEnd()).isEqualTo(11);
    }

    /** A buffer comes back only after its completion was noted. */
    private void awaitInFlight(int count) throws InterruptedException {
        while (pool.takenCount() != count) {
            Thread.sleep(1);
        }
    }

    @Test
    void theFirstFailureRefusesEverythingAfterItAndOthersAreCounted() throws Exception {
        InFlightWrites writes = writes(0, TransferObserver.NONE);
        failures.put(0L, SECOND);
        failures.put(1L, FIRST);
        failures.put(2L, SECOND);
        close(0, 1, 2, 3);
        for (int index = 0; index < 4; index++) {
            submit(writes, index);
        }
        open(1);
        awaitFailure(writes);
        assertThat(writes.laterFailureCount()).isZero();

        assertThatThrownBy(() -> submit(writes, 4)).isSameAs(FIRST);
        List.of(0L, 2L, 3L).forEach(this::open);
        assertThatThrownBy(writes::drain).isSameAs(FIRST);
        assertThatThrownBy(() -> submit(writes, 5)).isSameAs(FIRST);

        assertThat(writes.laterFailureCount()).isEqualTo(2);
        assertThat(writes.contiguousEnd())
                .as("3 was written, but not those before it")
                .isZero();
        assertThat(pool.takenCount()).isZero();
    }

    @Test
    void whoWaitedForASlotThatAFailureFreedIsRefused() throws Exception {
        InFlightWrites writes = writes(0, TransferObserver.NONE);
        failures.put(0L, FIRST);
        close(0, 1, 2, 3);
        for (int index = 0; index < IN_FLIGHT_MAX; index++) {
            submit(writes, index);
        }
        Thread opener = new Thread(() -> open(0));
        opener.start();
        assertThatThrownBy(() -> submit(writes, 4)).isSameAs(FIRST);
        opener.join();
        List.of(1L, 2L, 3L).forEach(this::open);
        writes.awaitIdle();
        assertThat(pool.takenCount()).isZero();
    }

    @Test
    void anExceptionThatNobodyForesawIsAFailureLikeAnyOther() throws Exception {
        AssertionError surprise = new AssertionError("surprise");
        InFlightWrites writes = new InFlightWrites(
                threads,
                IN_FLIGHT_MAX,
                0,
                (index, buffer) -> {
                    throw surprise;
                },
                TransferObserver.NONE);
        submit(writes, 0);

        StateferryException failure = catchThrowableOfType(StateferryException.class, writes::drain);

        assertThat(failure.kind()).isEqualTo(FailureKind.INTERNAL);
        assertThat(failure).hasCause(surprise);
        assertThat(pool.takenCount()).isZero();
    }

    @Test
    void aWriteThatTheExecutorRefusesIsTheFirstFailure() throws Exception {
        AtomicInteger accepted = new AtomicInteger();
        InFlightWrites writes = new InFlightWrites(
                task -> {
                    if (accepted.incrementAndGet() == 2) {
                        throw new RejectedExecutionException("full");
                    }
                    task.run();
                },
                IN_FLIGHT_MAX,
                0,
                this::write,
                TransferObserver.NONE);
        submit(writes, 0);

        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> submit(writes, 1));

        assertThat(refusal.kind()).isEqualTo(FailureKind.INTERNAL);
        assertThat(refusal.problem()).contains("full");
        assertThatThrownBy(() -> submit(writes, 2))
                .as("a gap is never written past")
                .isSameAs(refusal);
        assertThatThrownBy(writes::drain).isSameAs(refusal);
        assertThat(writes.contiguousEnd()).isEqualTo(1);
        assertThat(pool.takenCount()).isZero();
    }

    @Test
    void whateverFailsAllSlotsAndBuffersComeBack() throws Exception {
        for (int round = 0; round < 50; round++) {
            InFlightWrites writes = writes(0, TransferObserver.NONE);
            failures.put((long) round % 9, FIRST);
            for (int index = 0; index < 12; index++) {
                try {
                    submit(writes, index);
                } catch (StateferryException e) {
                    assertThat(e).isSameAs(FIRST);
                }
            }
            writes.awaitIdle();
            assertThatThrownBy(writes::throwIfFailed).isSameAs(FIRST);
            assertThat(pool.takenCount()).isZero();
            failures.clear();
        }
    }
}
