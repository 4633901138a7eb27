package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.RefcountBlock;
import org.stateferry.testing.MemoryImageFile;

/** Encoding the tables of 512 MiB of vmstate in clusters of 64 KiB; one operation is 8192 entries. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class TableEncodingBenchmark {
    private static final int CLUSTER_SIZE = 64 * 1024;
    private static final int ENTRY_COUNT = CLUSTER_SIZE / 8;

    private final ByteBuffer block = ByteBuffer.allocate(CLUSTER_SIZE);
    private final MemoryImageFile file = MemoryImageFile.of(new byte[2 * CLUSTER_SIZE]);

    /** How wide refcounts are. */
    @State(Scope.Benchmark)
    public static class RefcountWidth {
        /** Bits as a power of two. */
        @Param({"1", "4", "6"})
        public int order;
    }

    /** One L2 table, written to memory. */
    @Benchmark
    public void l2Table() throws StateferryException {
        TableWriter table = new TableWriter(file, CLUSTER_SIZE, ENTRY_COUNT, CLUSTER_SIZE);
        for (int i = 0; i < ENTRY_COUNT; i++) {
            table.put((long) i * CLUSTER_SIZE);
        }
        table.finish();
    }

    /** The refcounts of the clusters that such a table leads to. */
    @Benchmark
    public ByteBuffer refcounts(RefcountWidth width) {
        for (int i = 0; i < ENTRY_COUNT; i++) {
            RefcountBlock.set(block, i, width.order, RefcountBlock.get(block, i, width.order) ^ 1);
        }
        return block;
    }
}
