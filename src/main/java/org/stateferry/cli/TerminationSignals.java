package org.stateferry.cli;

import java.lang.reflect.Proxy;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.stateferry.batch.StopSignal;

/**
 * Turns SIGINT and SIGTERM into a wish to stop. The JVM's own reaction, to run its shutdown hooks while our threads are
 * still at work, would pull the repository and the image lock from under an import; instead the main thread sees the wish, ends its work and the process.
 * A second signal changes nothing.
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

    /**
     * Calls {@code sun.misc.Signal.handle}, the only way to a signal that a Java program has. By reflection, because the
     * compiler warns of each mention of it and knows no way to be told that this is meant.
     */
    private void takeOver(String name) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            int number = (int) signal.getMethod("getNumber").invoke(newSignal(signal, name));
            Object ours = Proxy.newProxyInstance(
                    handler.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> {
                        receive(number);
                        return null;
                    });
            signal.getMethod("handle", signal, handler).invoke(null, newSignal(signal, name), ours);
        } catch (ReflectiveOperationException e) {
            // This JVM has no such class, or was told to keep its hands off signals (-Xrs). They end the process at
            // once
            // then, which is safe for the image at any moment, only less polite.
        }
    }

    private static Object newSignal(Class<?> signal, String name) throws ReflectiveOperationException {
        return signal.getConstructor(String.class).newInstance(name);
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
