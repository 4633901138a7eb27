package org.stateferry.transfer;

/**
 * Hears what the write path does; for metrics. Calls come from the thread that did the work, so implementations are
 * thread-safe and quick. All methods do nothing by default.
 */
public interface TransferObserver {
    /** Hears nothing. */
    TransferObserver NONE = new TransferObserver() {};

    /** A buffer was written to the image. */
    default void bufferWritten(int bytes, long nanos) {}

    /** The submitting thread waited for a free slot. */
    default void blockedNanos(long nanos) {}

    /** So many buffers are in flight now. */
    default void inFlight(int count) {}
}
