package org.stateferry.transfer;

import java.nio.ByteBuffer;

/**
 * Pooled memory that has exactly one owner at a time; whoever gets it passes it on or releases it, once.
 *
 * <p>From the pool it comes empty: position 0, limit the capacity. Its contents are then the bytes up to the position.
 */
public final class TransferBuffer {
    private final BufferPool pool;
    private final ByteBuffer bytes;

    TransferBuffer(BufferPool pool, ByteBuffer bytes) {
        this.pool = pool;
        this.bytes = bytes;
    }

    /** The memory: direct, big-endian, aligned for direct input and output. */
    public ByteBuffer bytes() {
        return bytes;
    }

    /** Bytes of content. */
    public int size() {
        return bytes.position();
    }

    /** Gives the memory back; the owner forgets it. */
    public void release() {
        pool.giveBack(this);
    }
}
