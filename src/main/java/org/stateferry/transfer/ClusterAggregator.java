package org.stateferry.transfer;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.Alignment;
import org.stateferry.error.StateferryException;

/**
 * Collects the pieces of a stream, of any size, into buffers that each fill whole clusters, and submits every full one.
 *
 * <p>A piece that comes in a pooled buffer is not copied when nothing is being collected: its buffer becomes the one that
 * collects, and if it is full it goes out as it is. Not thread-safe: one thread appends and finishes.
 */
public final class ClusterAggregator {
    private final BufferPool pool;
    private final InFlightWrites writes;
    private final int clusterSize;

    private @Nullable TransferBuffer collecting;
    private long nextIndex;
    private long appendedSize;

    /**
     * @param pool its buffers hold whole clusters
     * @param firstIndex the number of the first buffer that will be submitted
     */
    public ClusterAggregator(BufferPool pool, InFlightWrites writes, int clusterSize, long firstIndex) {
        this.pool = pool;
        this.writes = writes;
        this.clusterSize = clusterSize;
        this.nextIndex = firstIndex;
    }

    /** How many bytes were appended. */
    public long appendedSize() {
        return appendedSize;
    }

    /**
     * Appends a piece and takes over its buffer in every case.
     *
     * @throws StateferryException the first failure of a write so far
     */
    public void append(TransferBuffer piece) throws StateferryException {
        if (collecting == null) {
            appendedSize += piece.size();
            collecting = piece;
            submitIfFull();
            return;
        }
        try {
            append(piece.bytes().duplicate().flip());
        } finally {
            piece.release();
        }
    }

    /**
     * Submits what fills the place of a whole buffer, or of several, and is not in memory; nothing is being collected. Takes it
     * over in every case.
     *
     * @throws StateferryException the first failure of a write so far
     */
    public void appendWhole(WriteLoad load) throws StateferryException {
        if (collecting != null || load.size() != pool.bufferSize()) {
            load.release();
            throw new IllegalStateException(
                    "a load of " + load.size() + " bytes does not stand for a whole buffer here");
        }
        appendedSize += (long) load.size() * load.count();
        submit(load);
    }

    /** Appends the bytes of {@code piece} from its position to its limit by copying them. */
    public void append(ByteBuffer piece) throws StateferryException {
        appendedSize += piece.remaining();
        while (piece.hasRemaining()) {
            if (collecting == null) {
                collecting = pool.take();
            }
            ByteBuffer target = collecting.bytes();
            int count = Math.min(piece.remaining(), target.remaining());
            target.put(target.position(), piece, piece.position(), count);
            target.position(target.position() + count);
            piece.position(piece.position() + count);
            submitIfFull();
        }
    }

    /** Submits what is left, filled up with zeros to whole clusters, and waits until all is written. */
    public void finish() throws StateferryException {
        if (collecting != null) {
            ByteBuffer bytes = collecting.bytes();
            int end = (int) Alignment.alignUp(bytes.position(), clusterSize);
            while (bytes.position() < end) {
                bytes.put((byte) 0);
            }
            submit(collecting);
        }
        writes.drain();
    }

    /** Gives back the buffer that was being collected; for the end after a failure. */
    public void abandon() {
        if (collecting != null) {
            collecting.release();
            collecting = null;
        }
    }

    private void submitIfFull() throws StateferryException {
        if (collecting != null && !collecting.bytes().hasRemaining()) {
            submit(collecting);
        }
    }

    private void submit(WriteLoad load) throws StateferryException {
        collecting = null; // from here on the writes own it
        int count = load.count(); // the writes give it back
        writes.submit(nextIndex, load);
        nextIndex += count;
    }
}
