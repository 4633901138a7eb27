package org.stateferry.transfer;

/**
 * Is told what the write path does; for metrics. Calls come from the thread that did the work, so implementations are
 * thread-safe and quick. All methods do nothing by default.
 */
public interface TransferObserver {
    /** Hears nothing. */
    TransferObserver NONE = new TransferObserver() {};

    /** Tells how many bytes of the stream were read from the dump. */
    default void streamRead(int bytes) {}

    /**
     * A buffer was written, as so many bytes of the image: fewer than its own if zeros were left out or it was compressed.
     * Where data goes through the page cache, the time of about one buffer in 64 MiB has that of an early force in it.
     */
    default void bufferWritten(int bytes, long nanos) {}

    /** The submitting thread waited for a free slot. */
    default void blockedNanos(long nanos) {}

    /** One buffer more, or one less, is in flight: submitted and not completed. The changes of an import add up to 0. */
    default void inFlight(int change) {}
}
