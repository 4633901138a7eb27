package org.stateferry.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

@Timeout(600)
class ClusterAggregatorTest {
    private static final int MIB = 1024 * 1024;
    private static final StateferryException FAILURE = StateferryException.of(FailureKind.IO, "disk");

    /** What was written, in the order of the stream. */
    private final List<byte[]> written = new ArrayList<>();

    private final List<Long> indexes = new ArrayList<>();
    private final List<ByteBuffer> memories = new ArrayList<>();

    private InFlightWrites writes(long firstIndex) {
        return new InFlightWrites(Runnable::run, 2, firstIndex, this::write, TransferObserver.NONE);
    }

    private int write(long index, WriteLoad load) {
        TransferBuffer buffer = (TransferBuffer) load;
        indexes.add(index);
        memories.add(buffer.bytes());
        byte[] content = new byte[buffer.size()];
        buffer.bytes().duplicate().flip().get(content);
        written.add(content);
        return content.length;
    }

    private byte[] disk() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        written.forEach(all::writeBytes);
        return all.toByteArray();
    }

    @ParameterizedTest(name = "clusters of {0} bytes, seed {1}")
    @CsvSource({"512, 1", "4096, 2", "65536, 3", "65536, 4", "1048576, 5", "2097152, 6", "2097152, 7"})
    void whateverThePiecesTheResultIsTheStreamFilledUpToTheCluster(int clusterSize, long seed) throws Exception {
        Random random = new Random(seed);
        BufferPool pool = new BufferPool(8, Math.max(clusterSize, MIB), 4096);
        long firstIndex = random.nextInt(1000);
        InFlightWrites writes = writes(firstIndex);
        ClusterAggregator aggregator = new ClusterAggregator(pool, writes, clusterSize, firstIndex);
        byte[] stream = new byte[random.nextInt(9 * MIB) + 3 * MIB];
        random.nextBytes(stream);

        for (int at = 0; at < stream.length; ) {
            int size = Math.min(pieceSize(random), stream.length - at);
            if (random.nextBoolean()) {
                size = Math.min(size, pool.bufferSize());
                TransferBuffer piece = pool.take();
                piece.bytes().put(stream, at, size);
                aggregator.append(piece);
            } else {
                ByteBuffer piece = ByteBuffer.wrap(stream, at, size);
                aggregator.append(piece);
                assertThat(piece.hasRemaining()).isFalse();
            }
            at += size;
            assertThat(aggregator.appendedSize()).isEqualTo(at);
        }
        aggregator.finish();

        int padded = (stream.length + clusterSize - 1) / clusterSize * clusterSize;
        assertThat(Arrays.equals(disk(), Arrays.copyOf(stream, padded))).isTrue();
        long count = (stream.length + pool.bufferSize() - 1L) / pool.bufferSize();
        assertThat(indexes).hasSize((int) count).first().isEqualTo(firstIndex);
        assertThat(indexes).isSorted().doesNotHaveDuplicates();
        assertThat(written)
                .as("all buffers but the last are full")
                .filteredOn(content -> content.length != pool.bufferSize())
                .hasSizeLessThanOrEqualTo(1);
        assertThat(pool.takenCount()).isZero();
    }

    private static int pieceSize(Random random) {
        return switch (random.nextInt(4)) {
            case 0 -> 1 + random.nextInt(9);
            case 1 -> MIB;
            case 2 -> 1 + random.nextInt(70_000);
            default -> 1 + random.nextInt(3 * MIB);
        };
    }

    @Test
    void aFullPooledPieceGoesOutAsItIs() throws Exception {
        BufferPool pool = new BufferPool(4, MIB, 4096);
        ClusterAggregator aggregator = new ClusterAggregator(pool, writes(0), 65536, 0);
        List<ByteBuffer> handedIn = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            TransferBuffer piece = pool.take();
            handedIn.add(piece.bytes());
            piece.bytes().put(new byte[MIB]);
            aggregator.append(piece);
        }
        assertThat(memories).usingElementComparator((a, b) -> a == b ? 0 : 1).containsExactlyElementsOf(handedIn);
    }

    @Test
    void aPieceThatWasUsedDirtyIsFilledUpWithZerosNotWithWhatWasThere() throws Exception {
        BufferPool pool = new BufferPool(1, 4096, 512);
        TransferBuffer dirty = pool.take();
        while (dirty.bytes().hasRemaining()) {
            dirty.bytes().put((byte) 0x5a);
        }
        dirty.release();
        ClusterAggregator aggregator = new ClusterAggregator(pool, writes(0), 512, 0);
        TransferBuffer piece = pool.take();
        piece.bytes().put(new byte[] {1, 2, 3});

        aggregator.append(piece);
        aggregator.finish();

        assertThat(disk()).isEqualTo(Arrays.copyOf(new byte[] {1, 2, 3}, 512));
    }

    @Test
    void nothingAppendedIsNothingWritten() throws Exception {
        BufferPool pool = new BufferPool(1, MIB, 4096);
        ClusterAggregator aggregator = new ClusterAggregator(pool, writes(5), 65536, 5);

        aggregator.finish();

        assertThat(written).isEmpty();
        assertThat(pool.takenCount()).isZero();
    }

    @Test
    void afterAFailedWriteEveryPieceIsRefusedAndItsBufferComesBack() throws Exception {
        BufferPool pool = new BufferPool(3, 4096, 512);
        InFlightWrites failing = new InFlightWrites(
                Runnable::run,
                2,
                0,
                (index, buffer) -> {
                    throw FAILURE;
                },
                TransferObserver.NONE);
        ClusterAggregator aggregator = new ClusterAggregator(pool, failing, 512, 0);
        aggregator.append(ByteBuffer.allocate(4096 + 100)); // the write fails where it runs, not here

        TransferBuffer piece = pool.take();
        piece.bytes().put(new byte[4096]);
        assertThatThrownBy(() -> aggregator.append(piece)).isSameAs(FAILURE);
        assertThatThrownBy(aggregator::finish).isSameAs(FAILURE);
        aggregator.abandon();

        assertThat(pool.takenCount()).isZero();
    }
}
