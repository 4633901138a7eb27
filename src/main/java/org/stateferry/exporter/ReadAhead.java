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
import org.stateferry.host.Uninterrupted;
import org.stateferry.stream.StreamFile;

/**
 * Reads a state ahead of its writer, several pieces at once, and compresses them if asked to. The other half of the
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

    private final StreamFile content;
    private final Compression compression;
    private final boolean skipsZeros;
    private final ExecutorService threads;
    private final Queue<byte[]> buffers = new ConcurrentLinkedQueue<>();
    private final Deque<Future<ExportPiece>> pending = new ArrayDeque<>();
    private long position;

    /**
     * @param content thread-safe
     * @param from the first byte that is read
     * @param skipsZeros whether zeros that take no room in the image are left out
     */
    ReadAhead(StreamFile content, long from, Compression compression, boolean skipsZeros) {
        this.content = content;
        this.position = from;
        this.compression = compression;
        this.skipsZeros = skipsZeros;
        this.threads = Executors.newFixedThreadPool(READERS, task -> {
            Thread thread = new Thread(task, "vmstate-reader");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** The next piece, in the order of the vmstate; null at its end. */
    @Nullable
    ExportPiece next() throws StateferryException {
        while (pending.size() < IN_FLIGHT && advance()) {
            long offset = position;
            int size = (int) Math.min(PIECE_SIZE, content.size() - offset);
            pending.add(threads.submit(() -> read(offset, size)));
            position += size;
        }
        Future<ExportPiece> first = pending.poll();
        return first == null ? null : await(first);
    }

    /** Returns a buffer that {@link ExportPiece#bytes} of an uncompressed piece lies in. */
    void release(ExportPiece piece) {
        if (compression == Compression.NONE) {
            buffers.add(piece.bytes().array());
        }
    }

    private boolean advance() {
        if (skipsZeros && position < content.size()) {
            position = content.nextData(position);
        }
        return position < content.size();
    }

    private ExportPiece read(long offset, int size) throws IOException {
        byte[] pooledBuffer = buffers.poll();
        byte[] buffer = pooledBuffer == null ? new byte[PIECE_SIZE] : pooledBuffer;
        ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, size);
        content.readFully(bytes, offset);
        if (compression == Compression.NONE) {
            return new ExportPiece(offset, size, bytes.flip());
        }
        byte[] compressed = compression.compress(buffer, size);
        buffers.add(buffer);
        return new ExportPiece(offset, size, ByteBuffer.wrap(compressed));
    }

    private static ExportPiece await(Future<ExportPiece> piece) throws StateferryException {
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
        // Whoever closes the image next must not find a read of it under way.
        Uninterrupted.run(() -> threads.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS));
    }
}
