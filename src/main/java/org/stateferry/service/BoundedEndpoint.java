package org.stateferry.service;

import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Predicate;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketWrapperBase;

/**
 * Accepts connections so that those who send their request at once are always served, however many others hold a
 * connection and send nothing more. There are never more than {@code server.tomcat.max-connections}; when all are taken,
 * a new one does not wait, but takes the place of the one that has kept a request unfinished for the longest time. None
 * outlives {@link #LIFETIME}, whatever it does, once another one comes.
 *
 * <p>Time-outs alone would not do: each byte that arrives starts them anew.
 */
final class BoundedEndpoint extends NioEndpoint {
    /** Long enough for any answer of ours over any network. */
    static final Duration LIFETIME = Duration.ofSeconds(20);

    /** With so many places left, the acceptor never waits for one. */
    private static final int SPARE = 2;

    /** The oldest first. Used by the acceptor's thread only, of which there is one. */
    private final Deque<Accepted> accepted = new ArrayDeque<>();

    private record Accepted(SocketChannel channel, long atNanos) {}

    @Override
    protected boolean setSocketOptions(SocketChannel channel) {
        long now = System.nanoTime();
        makeRoom(now);
        accepted.addLast(new Accepted(channel, now));
        return super.setSocketOptions(channel);
    }

    private void makeRoom(long now) {
        accepted.removeIf(one -> !one.channel().isOpen());
        while (!accepted.isEmpty() && now - accepted.getFirst().atNanos() > LIFETIME.toNanos()) {
            close(accepted.removeFirst());
        }
        int most = getMaxConnections();
        while (most > 0 && !accepted.isEmpty() && accepted.size() >= Math.max(1, most - SPARE)) {
            Accepted last = first(wrapper -> isIdle(wrapper) && wrapper.getCurrentProcessor() != null)
                    .or(() -> first(BoundedEndpoint::isIdle))
                    .orElseGet(accepted::getFirst);
            accepted.remove(last);
            close(last);
        }
    }

    /** The oldest of these connections. One with a processor has sent a part of its request; the others nothing yet. */
    private Optional<Accepted> first(Predicate<SocketWrapperBase<NioChannel>> wanted) {
        return accepted.stream()
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
