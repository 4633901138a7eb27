package org.stateferry.journal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** A journal is forced again and again while it is open, and nobody waits for it but who closes it. */
@Timeout(600)
class JournalForcingTest {
    private static final Duration SOON = Duration.ofMillis(1);
    private static final Duration NEVER = Duration.ofDays(1);

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.MINUTES)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void goesOnUntilItIsClosed() {
        CountDownLatch thrice = new CountDownLatch(3);
        AtomicInteger count = new AtomicInteger();
        try (JournalForcing forcing = new JournalForcing(
                () -> {
                    count.incrementAndGet();
                    thrice.countDown();
                },
                SOON)) {
            await(thrice);
            assertThat(forcing).isNotNull();
        }
        int atClose = count.get();
        Thread.yield();
        assertThat(count).hasValue(atClose);
    }

    @Test
    void doesNotWaitForItsTimeToEnd() {
        new JournalForcing(() -> {}, NEVER).close();
    }

    @Test
    void endsBeforeTheJournalIsClosed() {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        JournalForcing forcing = new JournalForcing(
                () -> {
                    begun.countDown();
                    await(end);
                },
                SOON);
        await(begun);
        CompletableFuture<Void> closing = CompletableFuture.runAsync(forcing::close);
        assertThat(closing).isNotDone();
        end.countDown();
        closing.join();
    }

    @Test
    void whatFailsIsNotTriedAgain() {
        AtomicInteger count = new AtomicInteger();
        CountDownLatch tried = new CountDownLatch(1);
        JournalForcing forcing = new JournalForcing(
                () -> {
                    count.incrementAndGet();
                    tried.countDown();
                    throw StateferryException.of(FailureKind.IO, "injected");
                },
                SOON);
        await(tried);
        forcing.close();
        assertThat(count).hasValue(1);
    }

    @Test
    void forcesAJournal(@TempDir Path folder) throws Exception {
        try (Journal journal = Journal.create(folder.resolve("journal"), JournalContent.PLAN, 1)) {
            CountDownLatch twice = new CountDownLatch(2);
            try (JournalForcing forcing = new JournalForcing(
                    () -> {
                        journal.force();
                        twice.countDown();
                    },
                    SOON)) {
                await(twice);
                assertThat(forcing).isNotNull();
            }
            new JournalForcing(journal).close();
        }
    }
}
