package org.stateferry.transfer;

import java.nio.ByteBuffer;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;

/**
 * A fixed number of direct buffers of one size, allocated when first needed. This number times this size is the bound on
 * the memory that an import's data takes. Thread-safe.
 */
public final class BufferPool {
    private final int bufferCount;
    private final int bufferSize;
    private final int alignment;
    private final Semaphore available;
    private final ConcurrentLinkedQueue<TransferBuffer> idle = new ConcurrentLinkedQueue<>();

    /**
     * @param bufferCount how many buffers exist at most
     * @param bufferSize bytes of each
     * @param alignment their start is at a multiple of this many bytes; a power of two
     */
    public BufferPool(int bufferCount, int bufferSize, int alignment) {
        this.bufferCount = bufferCount;
        this.bufferSize = bufferSize;
        this.alignment = alignment;
        this.available = new Semaphore(bufferCount);
    }

    /** Bytes of each buffer. */
    public int bufferSize() {
        return bufferSize;
    }

    /** An empty buffer, which the caller owns; waits until one is free. Interrupts are not heard, see the batch package. */
    public TransferBuffer take() {
        available.acquireUninterruptibly();
        TransferBuffer buffer = idle.poll();
        if (buffer == null) {
            ByteBuffer memory = ByteBuffer.allocateDirect(bufferSize + alignment);
            buffer = new TransferBuffer(
                    this, memory.alignedSlice(alignment).limit(bufferSize).slice());
        }
        buffer.reset();
        return buffer;
    }

    /** How many buffers are out. */
    public int takenCount() {
        return bufferCount - available.availablePermits();
    }

    void giveBack(TransferBuffer buffer) {
        idle.add(buffer);
        available.release();
    }
}
