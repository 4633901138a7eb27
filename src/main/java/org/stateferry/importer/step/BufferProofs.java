package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.vmstate.VmStateClusters;
import org.stateferry.transfer.BufferPool;
import org.stateferry.transfer.TransferBuffer;
import org.stateferry.transfer.TransferSettings;

/**
 * Reads back the buffers recorded in the journal and compares their checksums, a few at a time ahead of the one asked
 * for, so that the disk does not wait for the arithmetic. Used by one thread; the reading runs on the executor, and has
 * ended when {@link #close} returns.
 */
final class BufferProofs implements AutoCloseable {
    private static final int AHEAD_MAX = 4;

    private final Qcow2Image image;
    private final Journal journal;
    private final Executor executor;
    private final BufferPool pool;
    private final Deque<Proof> ahead = new ArrayDeque<>();
    /** The one that was asked for last; perhaps nobody has waited for its answer. */
    private @Nullable Proof current;

    private ZeroLoad zeros = ZeroLoad.of(0);
    private long nextIndex;
    private boolean ended;

    /**
     * A buffer whose content is being looked at.
     *
     * @param buffer what the journal says of it; one look is enough for several buffers of zeros
     * @param result whether the image holds just that
     */
    record Proof(BufferRecord buffer, CompletableFuture<Boolean> result) {
        /** Waits until nothing is read any more. */
        void await() {
            result.handle((intact, failure) -> null).join();
        }

        /** Waits for the answer. */
        boolean isIntact() throws StateferryException {
            try {
                return result.join();
            } catch (CompletionException e) {
                if (e.getCause() instanceof StateferryException failure) {
                    throw failure;
                }
                throw e;
            }
        }
    }

    BufferProofs(Qcow2Image image, Journal journal, Executor executor) {
        this.image = image;
        this.journal = journal;
        this.executor = executor;
        this.pool = new BufferPool(AHEAD_MAX, journal.plan().bufferSize(), TransferSettings.BUFFER_ALIGNMENT);
    }

    /** The next record of the stream, or empty if the journal has no intact record of it. */
    Optional<Proof> next() throws StateferryException {
        while (!ended && ahead.size() < AHEAD_MAX) {
            Optional<BufferRecord> found =
                    nextIndex < journal.plan().bufferCount() ? journal.buffer(nextIndex) : Optional.empty();
            nextIndex += found.map(BufferRecord::count).orElse(1);
            ended = found.isEmpty();
            found.ifPresent(buffer -> ahead.add(new Proof(buffer, start(buffer))));
        }
        awaitCurrent();
        current = ahead.poll();
        return Optional.ofNullable(current);
    }

    /** Whether a record can be true at all: what it says sizes a read. */
    boolean isPlausible(BufferRecord buffer) {
        return VmStateClusters.arePlausible(buffer.entries(), image);
    }

    /** Reads one buffer back now. */
    boolean isIntact(BufferRecord buffer) throws StateferryException {
        Proof proof = new Proof(buffer, start(buffer));
        return proof.isIntact();
    }

    private CompletableFuture<Boolean> start(BufferRecord buffer) {
        if (!isPlausible(buffer)) {
            return CompletableFuture.completedFuture(false);
        }
        if (VmStateClusters.areZero(buffer.entries())) {
            return CompletableFuture.completedFuture(buffer.checksum() == zerosChecksum(buffer.entries().length));
        }
        // Taken here and not by the task: tasks that wait for each other's buffers could fill the executor.
        TransferBuffer memory = pool.take();
        return CompletableFuture.supplyAsync(() -> compare(buffer, memory), executor);
    }

    /** The checksum of this many clusters of zeros; kept, as nearly all buffers have the same number of clusters. */
    private int zerosChecksum(int clusterCount) {
        int size = clusterCount * journal.plan().clusterSize();
        if (size != zeros.size()) {
            zeros = ZeroLoad.of(size);
        }
        return zeros.checksum();
    }

    private boolean compare(BufferRecord buffer, TransferBuffer memory) {
        try {
            ByteBuffer content = memory.bytes();
            boolean whole = new VmStateClusters(image).read(buffer.entries(), content);
            CRC32C crc = new CRC32C();
            crc.update(content.flip());
            return whole && (int) crc.getValue() == buffer.checksum();
        } catch (StateferryException e) {
            throw new CompletionException(e);
        } finally {
            memory.release();
        }
    }

    @Override
    public void close() {
        // The image may be closed after this, so nothing may read it any more; what would come of it is of no interest.
        awaitCurrent();
        ahead.forEach(Proof::await);
    }

    private void awaitCurrent() {
        if (current != null) {
            current.await();
        }
    }
}
