package org.stateferry.exporter;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;

/**
 * Reads a vmstate ahead of whoever writes it, several pieces at once, and compresses them if that is wanted. The other half of the
 * method that imports are built on.
 *
 * <p>Memory is {@value #IN_FLIGHT} pieces of 1 MiB, as much again while they are compressed, and what {@link #READERS} readers
 * take. Used by one thread; closing it waits for the reads that are under way, as to interrupt one would close the image.
 */
final class ReadAhead implements AutoCloseable {
    /** Bytes of a piece. */
    static final int PIECE_SIZE = 1024 * 1024;
    /** Pieces that are being read, or were read and not taken yet. */
    static final int IN_FLIGHT = 8;

    private static final int READERS = 4;

    private final Qcow2Image image;
    private final SnapshotTableEntry entry;
    private final long end;
    private final Compression compression;
    private final @Nullable VmStateReader skipper;
    private final ExecutorService threads;
    private final Queue<VmStateReader> readers = new ConcurrentLinkedQueue<>();
    private final Queue<byte[]> buffers = new ConcurrentLinkedQueue<>();
    private final Deque<Future<Piece>> pending = new ArrayDeque<>();
    private long position;

    /**
     * A piece of the vmstate.
     *
     * @param offset of its first byte in the vmstate
     * @param bytes what is to be written; valid until the next piece is asked for
     */
    record Piece(long offset, ByteBuffer bytes) {}

    /**
     * @param end how many bytes of the vmstate are read
     * @param skipsZeros whether zeros that take no room in the image are left out
     */
    ReadAhead(Qcow2Image image, SnapshotTableEntry entry, long end, Compression compression, boolean skipsZeros)
            throws StateferryException {
        this.image = image;
        this.entry = entry;
        this.end = end;
        this.compression = compression;
        this.skipper = skipsZeros ? new VmStateReader(image, entry) : null;
        this.threads = Executors.newFixedThreadPool(READERS, task -> {
            Thread thread = new Thread(task, "vmstate-reader");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** The next piece, in the order of the vmstate; null at its end. */
    @Nullable
    Piece next() throws StateferryException {
        while (pending.size() < IN_FLIGHT && advance()) {
            long offset = position;
            int size = (int) Math.min(PIECE_SIZE, end - offset);
            pending.add(threads.submit(() -> read(offset, size)));
            position += size;
        }
        Future<Piece> first = pending.poll();
        return first == null ? null : await(first);
    }

    /** Returns a buffer that {@link Piece#bytes} of an uncompressed piece lies in. */
    void release(Piece piece) {
        if (compression == Compression.NONE) {
            buffers.add(piece.bytes().array());
        }
    }

    private boolean advance() throws StateferryException {
        if (skipper != null && position < end) {
            position = skipper.nextData(position, end);
        }
        return position < end;
    }

    private Piece read(long offset, int size) throws IOException {
        VmStateReader pooled = readers.poll();
        VmStateReader reader = pooled == null ? new VmStateReader(image, entry) : pooled;
        byte[] pooledBuffer = buffers.poll();
        byte[] buffer = pooledBuffer == null ? new byte[PIECE_SIZE] : pooledBuffer;
        ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, size);
        reader.read(bytes, offset, end);
        readers.add(reader);
        if (compression == Compression.NONE) {
            return new Piece(offset, bytes.flip());
        }
        byte[] compressed = compression.compress(buffer, size);
        buffers.add(buffer);
        return new Piece(offset, ByteBuffer.wrap(compressed));
    }

    private static Piece await(Future<Piece> piece) throws StateferryException {
        try {
            return piece.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw StateferryException.of(FailureKind.INTERRUPTED, "the export was interrupted");
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof StateferryException failure) {
                throw failure;
            }
            if (cause instanceof Error error) {
                throw error;
            }
            throw cause instanceof IOException io
                    ? new UncheckedIOException(io)
                    : new IllegalStateException("a piece could not be read", cause);
        }
    }

    @Override
    public void close() {
        pending.forEach(piece -> piece.cancel(false));
        threads.shutdown();
        boolean interrupted = false;
        while (true) {
            try {
                if (threads.awaitTermination(1, TimeUnit.HOURS)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true; // whoever closes the image next must not find a read of it under way
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
