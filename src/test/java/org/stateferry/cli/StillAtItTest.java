package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class StillAtItTest {
    @Test
    void whatTakesLongSaysSoAgainAndAgainUntilItIsOver() throws Exception {
        CountDownLatch three = new CountDownLatch(3);
        AtomicInteger lines = new AtomicInteger();
        StillAtIt still = new StillAtIt(Duration.ofMillis(1), seconds -> {
            lines.incrementAndGet();
            three.countDown();
        });

        assertThat(three.await(5, TimeUnit.MINUTES)).isTrue();
        still.close();

        int said = lines.get();
        for (int yields = 0; yields < 1000; yields++) {
            Thread.yield();
        }
        assertThat(lines).hasValue(said);
    }
}
