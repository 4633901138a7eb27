package org.stateferry.transfer;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Pooled memory that has exactly one owner at a time; whoever gets it passes it on or releases it, once.
 *
 * <p>From the pool it comes empty: position 0, limit the capacity. Its contents are then the bytes up to the position.
 */
public final class TransferBuffer implements WriteLoad {
    private final BufferPool pool;
    private final ByteBuffer bytes;
    private final CRC32C crc = new CRC32C();
    /** The checksum has the content up to here. */
    private int summedEnd;

    TransferBuffer(BufferPool pool, ByteBuffer bytes) {
        this.pool = pool;
        this.bytes = bytes;
    }

    void reset() {
        bytes.clear();
        crc.reset();
        summedEnd = 0;
    }

    /** The memory: direct, big-endian, aligned for direct input and output. */
    public ByteBuffer bytes() {
        return bytes;
    }

    @Override
    public int size() {
        return bytes.position();
    }

    /**
     * Takes what has come since the last call into the checksum. Worth it while those bytes are still in the processor's
     * cache; {@link #checksum} does the same for what is left then.
     */
    public void sum() {
        crc.update(bytes.duplicate().limit(bytes.position()).position(summedEnd));
        summedEnd = bytes.position();
    }

    /** To be called before the content is rearranged. */
    @Override
    public int checksum() {
        sum();
        return (int) crc.getValue();
    }

    @Override
    public void release() {
        pool.giveBack(this);
    }
}
