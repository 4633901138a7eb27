package org.stateferry.cli;

import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.stateferry.home.StopSignal;
import sun.misc.Signal;

/**
 * Turns SIGINT and SIGTERM into a stop request. The JVM's own reaction, to run its shutdown hooks while our threads are
 * still at work, would pull the repository and the image lock from under an import; instead the main thread sees the
 * wish and ends its work and the process. A second signal changes nothing.
 *
 * <p>Thread-safe. The handlers stay until the process ends.
 */
final class TerminationSignals {
    private final StopSignal stop = new StopSignal();
    private final AtomicInteger first = new AtomicInteger();
    private final CountDownLatch received = new CountDownLatch(1);

    /** Takes the signals over. Before this call they end the process at once. */
    void takeOver() {
        takeOver("INT");
        takeOver("TERM");
    }

    private void takeOver(String name) {
        handle(name, this::receive);
    }

    /**
     * Takes SIGUSR1 as a question, which is answered on a thread of its own and changes nothing else.
     *
     * @param answer prints the answer
     */
    void answer(Runnable answer) {
        handle("USR1", number -> answer.run());
    }

    private static void handle(String name, IntConsumer handler) {
        try {
            Signal.handle(new Signal(name), signal -> handler.accept(signal.getNumber()));
        } catch (IllegalArgumentException e) {
            // The JVM was told to keep its hands off signals (-Xrs), so they end the process at once. That is safe for
            // the image at any moment, only less polite.
        }
    }

    /** What a handler does; the number is the operating system's. */
    void receive(int number) {
        first.compareAndSet(0, number);
        stop.request();
        received.countDown();
    }

    /** The wish, for an import to look at. */
    StopSignal stop() {
        return stop;
    }

    /** The number of the first signal received, if any. */
    OptionalInt first() {
        int number = first.get();
        return number == 0 ? OptionalInt.empty() : OptionalInt.of(number);
    }

    /** Waits for the first signal. */
    void await() throws InterruptedException {
        received.await();
    }
}
