package org.stateferry.transfer;

/**
 * The numbers that bound an import's memory: {@link #BUFFER_COUNT} times the buffer size, which is the larger of a cluster
 * and 1 MiB; so 14 MiB, or 28 MiB with clusters of 2 MiB. With {@code --compress} up to {@link #IN_FLIGHT_MAX} more buffers,
 * an eighth smaller, hold what is compressed: 21 MiB, or 42 MiB.
 */
public final class TransferSettings {
    /** The least bytes of a buffer: 1 MiB. */
    public static final int BUFFER_SIZE_MIN = 1024 * 1024;
    /** Writes submitted and not completed, at most. */
    public static final int IN_FLIGHT_MAX = 8;
    /** Items that are read ahead of the writer, at most. */
    public static final int READ_AHEAD_MAX = 4;
    /** Buffers of an import: those read ahead, those in flight, one being read and one being handed over. */
    public static final int BUFFER_COUNT = READ_AHEAD_MAX + IN_FLIGHT_MAX + 2;
    /**
     * Bytes that are read, checked and checksummed at a time, so that they are still in a processor's own cache when they are
     * looked at: 128 KiB.
     */
    public static final int SLICE_SIZE = 128 * 1024;
    /** A checkpoint is recorded after so many bytes of the stream, or {@link #CHECKPOINT_NANOS}: 64 MiB. */
    public static final long CHECKPOINT_BYTES = 64L << 20;
    /** A checkpoint is recorded after so much time, or {@link #CHECKPOINT_BYTES}: a second. */
    public static final long CHECKPOINT_NANOS = 1_000_000_000;
    /** Imports that one process runs side by side, at most. */
    public static final int PARALLEL_IMPORTS_MAX = 64;
    /** Bytes of a state for which it is worth loading what calls Linux, which takes a tenth of a second: 256 MiB. */
    public static final long NATIVE_CALLS_MIN = 256L << 20;
    /** Alignment of buffers in memory, in bytes; enough for direct access to any disk. */
    public static final int BUFFER_ALIGNMENT = 4096;

    private TransferSettings() {}

    /**
     * How many buffers are compressed at a time: one more than there are processors, as now and then one of them waits for
     * the disk. If all did that are in flight, they would leave the thread that reads too little of the processors.
     */
    public static int compressorCount(int processorCount) {
        return Math.min(processorCount + 1, IN_FLIGHT_MAX);
    }

    /** Bytes of a buffer for an image with clusters of {@code clusterSize} bytes. */
    public static int bufferSize(int clusterSize) {
        return Math.max(clusterSize, BUFFER_SIZE_MIN);
    }
}
