package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class UninterruptedTest {
    @Test
    void theWaitGoesOnAfterInterruptsAndTheThreadKnowsOfThemAfterwards() {
        AtomicInteger waits = new AtomicInteger();

        Uninterrupted.run(() -> {
            if (waits.incrementAndGet() < 4) {
                throw new InterruptedException();
            }
        });

        assertThat(waits).hasValue(4);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void aThreadIsWaitedForByOneThatIsInterruptedAlready() {
        CountDownLatch goOn = new CountDownLatch(1);
        Thread ends = new Thread(() -> Uninterrupted.run(goOn::await));
        ends.start();
        new Thread(goOn::countDown).start();
        Thread.currentThread().interrupt();

        Uninterrupted.join(ends);

        assertThat(ends.isAlive()).isFalse();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void nothingIsKeptOfAnInterruptThatDidNotCome() {
        Uninterrupted.run(() -> {});
        Uninterrupted.join(new Thread(() -> {}));

        assertThat(Thread.interrupted()).isFalse();
    }
}
