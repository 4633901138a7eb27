package org.stateferry.service;

import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketWrapperBase;

/**
 * Accepts connections such that clients that send their request at once are always served, however many others hold
 * idle connections. There are never more than {@code server.tomcat.max-connections}; when all are taken, a new one
 * takes the place of the one that has kept a request unfinished for the longest time, and waits for that only until
 * there is one older than {@link #GRACE}. None outlives {@link #LIFETIME}, whatever it does, once another one comes.
 *
 * <p>Time-outs alone would not do: each byte that arrives starts them anew.
 */
final class BoundedEndpoint extends NioEndpoint {
    /** Long enough for any answer of ours over any network. */
    static final Duration LIFETIME = Duration.ofSeconds(20);

    /**
     * Nobody's place is taken before: where many connect at the same moment, or the machine is busy, a request that was sent at
     * once has to be read first.
     */
    static final Duration GRACE = Duration.ofMillis(250);

    private static final Duration LOOK_AGAIN = Duration.ofMillis(5);

    /** With so many places left, the acceptor never waits for one. */
    private static final int SPARE = 2;

    /** The oldest first. Used by the acceptor's thread only, of which there is one. */
    private final Deque<Accepted> accepted = new ArrayDeque<>();

    private record Accepted(SocketChannel channel, long atNanos) {
        boolean isOlderThan(Duration age) {
            return System.nanoTime() - atNanos > age.toNanos();
        }
    }

    @Override
    protected boolean setSocketOptions(SocketChannel channel) {
        makeRoom();
        accepted.addLast(new Accepted(channel, System.nanoTime()));
        return super.setSocketOptions(channel);
    }

    private void makeRoom() {
        accepted.removeIf(one -> !one.channel().isOpen());
        while (!accepted.isEmpty() && accepted.getFirst().isOlderThan(LIFETIME)) {
            close(accepted.removeFirst());
        }
        int most = getMaxConnections();
        while (most > 0 && !accepted.isEmpty() && accepted.size() >= Math.max(1, most - SPARE)) {
            if (accepted.getFirst().isOlderThan(GRACE)) {
                Accepted last = first(wrapper -> isIdle(wrapper) && wrapper.getCurrentProcessor() != null)
                        .or(() -> first(BoundedEndpoint::isIdle))
                        .orElseGet(accepted::getFirst);
                accepted.remove(last);
                close(last);
            } else {
                LockSupport.parkNanos(LOOK_AGAIN.toNanos());
                accepted.removeIf(one -> !one.channel().isOpen());
            }
        }
    }

    /** The oldest of these connections, if its time of grace is over. One with a processor has sent a part of its request; the others nothing yet. */
    private Optional<Accepted> first(Predicate<SocketWrapperBase<NioChannel>> wanted) {
        return accepted.stream()
                .takeWhile(one -> one.isOlderThan(GRACE))
                .filter(one -> {
                    SocketWrapperBase<NioChannel> wrapper = connections.get(one.channel());
                    return wrapper != null && wanted.test(wrapper);
                })
                .findFirst();
    }

    /** Whether no thread is at work for it. */
    private static boolean isIdle(SocketWrapperBase<NioChannel> wrapper) {
        return !wrapper.getLock().isLocked();
    }

    private void close(Accepted one) {
        SocketWrapperBase<NioChannel> wrapper = connections.get(one.channel());
        if (wrapper != null) {
            wrapper.close();
        }
    }
}
