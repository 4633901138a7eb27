package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.RunningCommand;

class DoubtfulJvmTest {
    private final AtomicInteger ended = new AtomicInteger();
    private final DoubtfulJvm jvm = new DoubtfulJvm(ended::set);

    @Test
    void whatIsOnlyAFailureEndsNothing() {
        jvm.check(new IllegalStateException(new AssertionError("wrong")));
        Exception circle = new Exception("a");
        circle.initCause(new Exception("b", circle));
        jvm.check(circle);

        assertThat(ended).hasValue(0);
    }

    @Test
    void anErrorBehindOtherFailuresIsFound() {
        jvm.check(new IllegalStateException(new RuntimeException(new OutOfMemoryError("Java heap space"))));

        assertThat(ended).hasValue(DoubtfulJvm.EXIT_CODE);
    }

    /** Nobody waits for the thread that died, or hears of it; the process ends although others run on. */
    @Test
    void aThreadThatDiesOfItEndsTheProcess() {
        try (RunningCommand process = RunningCommand.start(OtherJvm.command(Recursing.class), Map.of())) {
            CommandResult result = process.await(Duration.ofMinutes(10));

            assertThat(result.exitCode()).isEqualTo(DoubtfulJvm.EXIT_CODE);
            assertThat(result.stderr())
                    .contains("stateferry: ending, as the JVM is in doubt after java.lang.StackOverflowError");
        }
    }

    /** A program of which one thread fails, and another would never end. */
    static final class Recursing {
        private Recursing() {}

        public static void main(String[] args) throws InterruptedException {
            Thread.setDefaultUncaughtExceptionHandler(DoubtfulJvm.ofProcess());
            new Thread(() -> deeper(0)).start();
            Thread.sleep(Long.MAX_VALUE);
        }

        private static int deeper(int depth) {
            return deeper(depth + 1) + depth;
        }
    }
}
