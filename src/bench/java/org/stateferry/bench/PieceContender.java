package org.stateferry.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.stateferry.error.StateferryException;
import org.stateferry.transfer.BufferPool;
import org.stateferry.transfer.ClusterAggregator;
import org.stateferry.transfer.InFlightWrites;
import org.stateferry.transfer.TransferBuffer;
import org.stateferry.transfer.TransferObserver;

/**
 * The comparison that the QEMU series of 2020 made, on our own engine and below Spring Batch: small pieces of memory
 * written one after the other as they come, against collected and written asynchronously. The pieces come from memory, the
 * target is a plain file, and the last thing is its fsync.
 */
final class PieceContender implements Contender {
    private static final int MIB = 1 << 20;
    private static final int CLUSTER_SIZE = 64 * 1024;
    private static final int IN_FLIGHT_MAX = 8;
    private static final int BLOCK_SIZE = 4096;
    private static final double GIB = 1L << 30;

    private final Pieces pieces;
    private final boolean aggregated;
    private final boolean direct;
    private final long sampleSize;

    /** How a stream comes apart. */
    enum Pieces {
        /** As device state does. */
        SMALL("100 bytes", 100),
        /** As RAM records do: head and page, each a piece of its own. */
        PAGES("8 + 4096 bytes", 8, 4096);

        private final String text;
        private final int[] sizes;

        Pieces(String text, int... sizes) {
            this.text = text;
            this.sizes = sizes;
        }
    }

    /**
     * @param aggregated collected and asynchronous, or one by one
     * @param direct past the page cache
     * @param sampleSize how many bytes are written; the timings are for each GiB
     */
    PieceContender(Pieces pieces, boolean aggregated, boolean direct, long sampleSize) {
        this.pieces = pieces;
        this.aggregated = aggregated;
        this.direct = direct;
        this.sampleSize = sampleSize;
    }

    static String row(Pieces pieces, boolean aggregated, boolean direct) {
        return pieces.text + ", " + (direct ? "direct" : "cached") + ", " + (aggregated ? "aggregated" : "one by one");
    }

    @Override
    public String description() {
        String way = aggregated
                ? "in buffers of 1 MiB, 8 in flight"
                : direct ? "each read, changed and written in blocks of 4096 bytes" : "one write each";
        return "pieces of " + row(pieces, aggregated, direct) + " (" + way + "), " + (sampleSize / MIB)
                + " MiB, fsync at the end; seconds per GiB";
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return Optional.empty();
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException, StateferryException {
        ByteBuffer content = ByteBuffer.allocateDirect(MIB);
        byte[] bytes = new byte[MIB];
        new Random(1).nextBytes(bytes);
        content.put(bytes).flip();
        Path path = folder.resolve("target");
        long start = System.nanoTime();
        try (TargetFile file = TargetFile.create(path, direct, BLOCK_SIZE)) {
            if (aggregated) {
                writeAggregated(content, file);
            } else {
                writeOneByOne(content, file);
            }
            file.force();
        }
        double seconds = Commands.secondsSince(start);
        return List.of(new Timing(row(pieces, aggregated, direct), seconds * GIB / Files.size(path)));
    }

    private void writeOneByOne(ByteBuffer content, TargetFile file) throws IOException {
        long position = 0;
        for (int i = 0; position < sampleSize; i++) {
            ByteBuffer piece = piece(content, i);
            int size = piece.remaining();
            file.writeUnaligned(piece, position);
            position += size;
        }
    }

    private void writeAggregated(ByteBuffer content, TargetFile file) throws StateferryException {
        ExecutorService executor = Executors.newFixedThreadPool(IN_FLIGHT_MAX);
        try {
            InFlightWrites writes = new InFlightWrites(
                    executor,
                    IN_FLIGHT_MAX,
                    0,
                    (index, load) -> {
                        TransferBuffer buffer = (TransferBuffer) load;
                        int size = buffer.size();
                        file.write(buffer.bytes().duplicate().flip(), index * MIB);
                        return size;
                    },
                    TransferObserver.NONE);
            ClusterAggregator aggregator =
                    new ClusterAggregator(new BufferPool(IN_FLIGHT_MAX + 2, MIB, BLOCK_SIZE), writes, CLUSTER_SIZE, 0);
            for (int i = 0; aggregator.appendedSize() < sampleSize; i++) {
                aggregator.append(piece(content, i));
            }
            aggregator.finish();
        } finally {
            executor.shutdown();
        }
    }

    /** A window that wanders over the content, so that the caches see what they would see. */
    private ByteBuffer piece(ByteBuffer content, int index) {
        int size = pieces.sizes[index % pieces.sizes.length];
        int start = (int) ((long) index * 4160 % (MIB - 4096));
        return content.limit(start + size).position(start);
    }
}
