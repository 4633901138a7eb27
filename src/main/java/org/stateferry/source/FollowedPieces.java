package org.stateferry.source;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.Uninterrupted;
import org.stateferry.source.codec.SequentialBytes;
import org.stateferry.stream.StreamFollower;

/**
 * The pieces of a stream that can only be read from its first byte to its last, and whose end shows only then. A thread of
 * its own reads, decodes and checks a few MiB ahead of who takes them; so damage shows here, and not in a check of the
 * taker's. When the stream has ended, the rest of the input is read as well: a checksum may follow.
 */
final class FollowedPieces implements PieceStream {
    private static final int CHUNK_SIZE = 1024 * 1024;
    /** Chunks that are decoded and not taken, at most; one more is being taken, and one being filled. */
    private static final int AHEAD_MAX = 2;
    /** How much is read behind the end of a stream: whoever writes whole blocks leaves less. */
    private static final long SURPLUS_MAX = 64L << 20;

    private final SequentialBytes bytes;
    private final ByteBuffer prefix;
    private final @Nullable StreamFollower follower;
    private final Canceller canceller;
    private final long start;
    private final Thread thread;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    /** Guarded by {@link #lock}, as are those below. */
    private final Deque<ByteBuffer> ready = new ArrayDeque<>();

    private final Deque<ByteBuffer> free = new ArrayDeque<>();
    private int chunkCount;
    private @Nullable StreamEnd end;
    private @Nullable StateferryException failure;
    private boolean started;
    private boolean closed;

    /** Of the thread that takes: what it has not taken of a chunk yet. */
    private @Nullable ByteBuffer current;
    /** Of the reading thread: bytes of the stream so far. */
    private long position;
    /** How much of the chunk in which the stream ends is not part of it, and how much of that is no padding. */
    private long behindEnd;

    private long surplusBehindEnd;

    /** Wakes a thread that waits for input. */
    @FunctionalInterface
    interface Canceller {
        void cancel() throws StateferryException;
    }

    /**
     * @param prefix what was read of the bytes before
     * @param bytes what follows it; closed with this
     * @param follower looks at all of the stream; null takes all there is
     * @param start the offset in the stream of the first byte that is wanted
     * @param canceller ends a reading that waits for input
     */
    FollowedPieces(
            ByteBuffer prefix,
            SequentialBytes bytes,
            @Nullable StreamFollower follower,
            long start,
            Canceller canceller) {
        this.prefix = prefix;
        this.bytes = bytes;
        this.follower = follower;
        this.start = start;
        this.canceller = canceller;
        thread = new Thread(this::run, "stateferry-decode");
        thread.setDaemon(true);
    }

    @Override
    public int read(ByteBuffer target) throws StateferryException {
        int begun = target.position();
        while (target.hasRemaining()) {
            ByteBuffer chunk = current == null ? next() : current;
            if (chunk == null) {
                break;
            }
            int count = Math.min(chunk.remaining(), target.remaining());
            target.put(chunk.slice(chunk.position(), count));
            chunk.position(chunk.position() + count);
            current = chunk;
            if (!chunk.hasRemaining()) {
                giveBack(chunk);
                current = null;
            }
        }
        return target.position() - begun;
    }

    /** Waits for the next chunk; null at the stream's end. */
    private @Nullable ByteBuffer next() throws StateferryException {
        lock.lock();
        try {
            if (!started) {
                started = true;
                thread.start();
            }
            while (ready.isEmpty() && failure == null && end == null && !closed) {
                changed.awaitUninterruptibly();
            }
            if (closed) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "reading the dump was ended");
            }
            ByteBuffer chunk = ready.poll();
            if (chunk == null && failure != null) {
                throw failure;
            }
            changed.signalAll();
            return chunk;
        } finally {
            lock.unlock();
        }
    }

    private void giveBack(ByteBuffer chunk) {
        lock.lock();
        try {
            free.add(chunk);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        StateferryException failed = null;
        StreamEnd found = null;
        try {
            found = readAll();
        } catch (StateferryException e) {
            failed = e;
        } catch (RuntimeException | Error e) {
            failed = StateferryException.of(FailureKind.INTERNAL, "reading the dump ended with " + e)
                    .causedBy(e);
        }
        lock.lock();
        try {
            failure = failed;
            end = found;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Null if nobody wants more. */
    private @Nullable StreamEnd readAll() throws StateferryException {
        while (true) {
            ByteBuffer chunk = takeFree();
            if (chunk == null) {
                return null;
            }
            boolean more = fill(chunk);
            int content = follow(chunk, more);
            skipUnwanted(chunk, content);
            boolean ended = !more || follower != null && follower.isEnded();
            if (!offer(chunk)) {
                return null;
            }
            if (ended) {
                return ended();
            }
        }
    }

    private @Nullable ByteBuffer takeFree() {
        lock.lock();
        try {
            while (free.isEmpty() && chunkCount == AHEAD_MAX + 2 && !closed) {
                changed.awaitUninterruptibly();
            }
            if (closed) {
                return null;
            }
            ByteBuffer chunk = free.poll();
            if (chunk == null) {
                chunkCount++;
                chunk = ByteBuffer.allocateDirect(CHUNK_SIZE);
            }
            return chunk.clear();
        } finally {
            lock.unlock();
        }
    }

    /** Fills a chunk; false if the input has ended. */
    private boolean fill(ByteBuffer chunk) throws StateferryException {
        int count = Math.min(prefix.remaining(), chunk.remaining());
        chunk.put(prefix.slice(prefix.position(), count));
        prefix.position(prefix.position() + count);
        if (chunk.hasRemaining()) {
            bytes.read(chunk);
        }
        boolean full = !chunk.hasRemaining();
        chunk.flip();
        return full;
    }

    /** Lets the follower look at a chunk, and returns how many of its bytes belong to the stream. */
    private int follow(ByteBuffer chunk, boolean more) throws StateferryException {
        int size = chunk.remaining();
        if (follower != null) {
            follower.accept(chunk);
            if (!more && !follower.isEnded()) {
                follower.finish();
            }
            if (follower.isEnded()) {
                // A mark of the end may be recognised only by what follows it, some bytes too late.
                size = (int) Math.max(0, Math.min(size, follower.length() - position));
                behindEnd = chunk.remaining() - size;
                surplusBehindEnd = Math.max(0, endOfContent(chunk) - size);
            }
        }
        position += size;
        return size;
    }

    /** Leaves of a chunk what belongs to the stream and is wanted. */
    private void skipUnwanted(ByteBuffer chunk, int content) {
        long begun = position - content;
        long unwanted = Math.max(0, Math.min(content, start - begun));
        chunk.limit(content).position((int) unwanted);
    }

    private boolean offer(ByteBuffer chunk) {
        lock.lock();
        try {
            if (!chunk.hasRemaining()) {
                free.add(chunk);
                return !closed;
            }
            while (ready.size() >= AHEAD_MAX && !closed) {
                changed.awaitUninterruptibly();
            }
            if (!closed) {
                ready.add(chunk);
                changed.signalAll();
            }
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    private StreamEnd ended() throws StateferryException {
        ByteBuffer rest = ByteBuffer.allocateDirect(CHUNK_SIZE);
        long surplus = surplusBehindEnd;
        long read = behindEnd;
        int count;
        do {
            count = bytes.read(rest.clear());
            read += count;
            int content = endOfContent(rest.flip());
            surplus = content > 0 ? read - count + content : surplus;
        } while (count > 0 && read < SURPLUS_MAX);
        surplus += count > 0 ? 0 : bytes.surplus(SURPLUS_MAX);
        return follower == null
                ? new StreamEnd(position, null, surplus, null, false)
                : new StreamEnd(position, follower.facts(), surplus, follower.unchecked(), follower.guestRanOn());
    }

    /** The index behind the last byte that is not zero. */
    static int endOfContent(ByteBuffer content) {
        int at = content.limit();
        while (at > 0 && content.get(at - 1) == 0) {
            at--;
        }
        return at;
    }

    @Override
    public long skipHole(int unit) {
        return 0;
    }

    @Override
    public @Nullable StreamEnd end() {
        lock.lock();
        try {
            return end;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void cancel() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        bytes.cancel();
        try {
            canceller.cancel();
        } catch (StateferryException e) {
            // Whoever closes the dump hears of it.
        }
    }

    @Override
    public void close() throws StateferryException {
        cancel();
        Uninterrupted.join(thread);
        bytes.close();
    }
}
