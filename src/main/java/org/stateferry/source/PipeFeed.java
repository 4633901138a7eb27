package org.stateferry.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile;
import org.stateferry.source.codec.ByteFeed;

/** The bytes that come through a pipe or a FIFO, standard input for instance. */
final class PipeFeed implements ByteFeed {
    private static final long WAIT_MILLIS = 100;

    private final Path path;
    private final FileChannel channel;
    private volatile boolean closed;

    private PipeFeed(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /** Whether the path leads to something that can only be read once. */
    static boolean isAt(Path path) {
        try {
            return FileStatus.of(path).type() == FileStatus.Type.FIFO;
        } catch (IOException e) {
            return false; // whoever opens it says what is wrong
        }
    }

    /**
     * Opens a pipe. A FIFO opens when somebody opens it for writing.
     *
     * @throws StateferryException of kind {@code DUMP_MISSING} if it cannot be opened, {@code INTERRUPTED} if the monitor
     *     ends the waiting
     */
    static PipeFeed open(Path path, OpenMonitor monitor) throws StateferryException {
        LinuxFile found = locate(path, monitor);
        CompletableFuture<FileChannel> opening = new CompletableFuture<>();
        Thread opener = new Thread(
                () -> {
                    try (found) {
                        opening.complete(found.channel(StandardOpenOption.READ));
                    } catch (IOException | RuntimeException e) {
                        opening.completeExceptionally(e);
                    }
                },
                "stateferry-open");
        opener.setDaemon(true); // nothing but a writer ends its waiting
        opener.start();
        while (true) {
            try {
                return new PipeFeed(path, opening.get(WAIT_MILLIS, TimeUnit.MILLISECONDS));
            } catch (TimeoutException e) {
                monitor.requireNotStopped();
            } catch (ExecutionException e) {
                Throwable cause = Objects.requireNonNull(e.getCause());
                throw StateferryException.in(
                                FailureKind.DUMP_MISSING, path, "the dump cannot be opened: " + cause.getMessage())
                        .causedBy(cause);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw StateferryException.in(
                                FailureKind.INTERRUPTED, path, "waiting for the pipe's writer was interrupted")
                        .causedBy(e);
            }
        }
    }

    private static LinuxFile locate(Path path, OpenMonitor monitor) throws StateferryException {
        try {
            LinuxFile found = LinuxFile.locate(path, LinuxFile.Links.FOLLOW);
            try {
                monitor.found(found);
                return found;
            } catch (StateferryException | RuntimeException | Error e) {
                found.close();
                throw e;
            }
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.DUMP_MISSING, path, "the dump cannot be opened: " + e.getMessage())
                    .causedBy(e);
        }
    }

    @Override
    public int read(ByteBuffer target) throws StateferryException {
        try {
            return channel.read(target);
        } catch (ClosedChannelException e) {
            throw StateferryException.in(FailureKind.INTERRUPTED, path, "reading the pipe was ended")
                    .causedBy(e);
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.IO, path, "reading failed: " + e.getMessage())
                    .causedBy(e);
        }
    }

    /** Wakes a thread that waits for the writer. */
    @Override
    public void close() throws StateferryException {
        if (closed) {
            return;
        }
        closed = true;
        try {
            channel.close();
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.IO, path, "closing failed: " + e.getMessage())
                    .causedBy(e);
        }
    }
}
