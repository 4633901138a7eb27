package org.stateferry.transfer;

/**
 * The numbers that bound an import's memory: {@code (chunkItems + inFlightMax + 2) x} buffer size, which is the larger of
 * a cluster and 1 MiB; so 18 MiB, or 36 MiB with clusters of 2 MiB. With {@code --compress} up to {@code inFlightMax}
 * more buffers, an eighth smaller, hold what is compressed: 25 MiB, or 50 MiB.
 */
public final class TransferSettings {
    /** The most stream bytes of one item, and the least bytes of a buffer: 1 MiB. */
    public static final int ITEM_SIZE_MAX = 1024 * 1024;
    /** Writes submitted and not completed, at most. */
    public static final int IN_FLIGHT_MAX = 8;
    /** Imports that one process runs side by side, at most. */
    public static final int PARALLEL_IMPORTS_MAX = 64;
    /** Items of one chunk: a commit of the repository for every so many MiB. */
    public static final int CHUNK_ITEMS = 8;
    /** Buffers of an import: those of a chunk, those in flight, one that is being filled and one in reserve. */
    public static final int BUFFER_COUNT = CHUNK_ITEMS + IN_FLIGHT_MAX + 2;
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
        return Math.max(clusterSize, ITEM_SIZE_MAX);
    }
}
