package org.stateferry.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The byte-range lock that keeps QEMU and its tools out while an image is changed, and that is refused while one of them
 * has the image open.
 *
 * <p>QEMU marks each permission it uses by a shared lock on byte {@code 100 + n} and each one it denies to others on byte
 * {@code 200 + n} (QEMU {@code block/file-posix.c}, {@code RAW_LOCK_PERM_BASE} and {@code RAW_LOCK_SHARED_BASE}). An
 * exclusive lock on all of these bytes conflicts with every one of them.
 *
 * <p>A POSIX lock belongs to the process: closing any descriptor of the file drops it, and {@link FileLock#isValid()} does
 * not notice. So {@link #prove()} asks the kernel's own list.
 */
final class ImageLock {
    private static final long FIRST_BYTE = 100;
    private static final long LAST_BYTE = 203;
    private static final Duration RETRY_TIME = Duration.ofSeconds(2);
    private static final long RETRY_PAUSE_MILLIS = 50;

    /** Names of the permission bits, by their lock bytes. */
    private static final Map<Long, String> LOCK_NAMES = new TreeMap<>(Map.of(
            100L, "consistent read in use",
            101L, "write in use",
            102L, "write unchanged in use",
            103L, "resize in use",
            200L, "consistent read denied",
            201L, "write denied",
            202L, "write unchanged denied",
            203L, "resize denied"));

    /** Consistent read in use; write and resize denied to others. */
    private static final long[] SHARED_BYTES = {100, 201, 203};
    /** Write and resize in use. */
    private static final long[] WRITER_BYTES = {101, 103};

    private final Path path;
    /** Kept because the JVM's own list of locks refers to it weakly. */
    @SuppressWarnings("UnusedVariable")
    private final @Nullable FileLock lock;

    /** The kernel's line for our lock, without its running number; null if the kernel does not list it. */
    private final @Nullable String kernelEntry;

    private ImageLock(Path path, @Nullable FileLock lock, @Nullable String kernelEntry) {
        this.path = path;
        this.lock = lock;
        this.kernelEntry = kernelEntry;
    }

    /** No lock at all, for file systems that have none. */
    static ImageLock none(Path path) {
        return new ImageLock(path, null, null);
    }

    /** Takes the lock, trying again for two seconds: a QEMU that was just told to quit needs a moment. */
    static ImageLock acquire(Path path, FileChannel channel) throws StateferryException {
        Set<String> before = KernelLocks.ofThisProcess(FIRST_BYTE, LAST_BYTE);
        long deadline = System.nanoTime() + RETRY_TIME.toNanos();
        while (true) {
            FileLock lock = tryLock(path, channel, FIRST_BYTE, LAST_BYTE - FIRST_BYTE + 1);
            if (lock != null) {
                Set<String> added = KernelLocks.ofThisProcess(FIRST_BYTE, LAST_BYTE);
                added.removeAll(before);
                return new ImageLock(
                        path, lock, added.size() == 1 ? added.iterator().next() : null);
            }
            if (System.nanoTime() >= deadline) {
                throw inUse(path, channel);
            }
            pause(path);
        }
    }

    /**
     * Marks the image as being read, as a QEMU does that lets nobody else write: others may read it at the same time. The
     * channel is open for reading only.
     */
    static ImageLock acquireShared(Path path, FileChannel channel) throws StateferryException {
        for (long position : SHARED_BYTES) {
            if (tryLock(path, channel, position, 1, true) == null) {
                throw StateferryException.in(FailureKind.IMAGE_IN_USE, path, "another program is changing the image")
                        .advise("Wait for it to end, then run again.");
            }
        }
        // Ours is known now by its device and inode in the kernel's list, so a writer's marks can be looked up there.
        for (String entry : KernelLocks.ofThisProcess(SHARED_BYTES[0], SHARED_BYTES[0])) {
            for (long position : WRITER_BYTES) {
                if (KernelLocks.isHeldByOthers(KernelLocks.fileOf(entry), position)) {
                    throw StateferryException.in(
                                    FailureKind.IMAGE_IN_USE,
                                    path,
                                    "another program has the image open: it holds lock byte " + position + " ("
                                            + LOCK_NAMES.get(position) + ")")
                            .advise("Quit the QEMU that uses it, then run again.");
                }
            }
        }
        return none(path);
    }

    private static @Nullable FileLock tryLock(Path path, FileChannel channel, long position, long size)
            throws StateferryException {
        return tryLock(path, channel, position, size, false);
    }

    private static @Nullable FileLock tryLock(Path path, FileChannel channel, long position, long size, boolean shared)
            throws StateferryException {
        try {
            return channel.tryLock(position, size, shared);
        } catch (OverlappingFileLockException e) {
            throw StateferryException.in(FailureKind.IMAGE_IN_USE, path, "the image is locked by this very process");
        } catch (IOException e) {
            // Only who changes an image can do without the lock, if he says so; who reads it can as well read a copy.
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            path,
                            "the file system cannot lock the image (" + e.getMessage() + ")")
                    .advise(
                            shared
                                    ? "Make sure that no other program uses the image, then read a copy of it that lies on"
                                            + " a file system with locks."
                                    : "Make sure that no other program uses the image, then run again with --no-lock.")
                    .causedBy(e);
        }
    }

    private static void pause(Path path) throws StateferryException {
        try {
            Thread.sleep(RETRY_PAUSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw StateferryException.in(FailureKind.INTERRUPTED, path, "interrupted while waiting for the image lock");
        }
    }

    /** Says which bytes are held, found by trying each of them alone. We hold none, so releasing one loses nothing. */
    private static StateferryException inUse(Path path, FileChannel channel) throws StateferryException {
        List<String> held = new ArrayList<>();
        for (Map.Entry<Long, String> entry : LOCK_NAMES.entrySet()) {
            try (FileLock probe = tryLock(path, channel, entry.getKey(), 1)) {
                if (probe == null) {
                    held.add(entry.getKey() + " (" + entry.getValue() + ")");
                }
            } catch (StateferryException e) {
                throw e;
            } catch (IOException e) {
                throw FileFailures.translate(e, path, entry.getKey(), "probing a lock");
            }
        }
        String bytes = held.isEmpty() ? "one that was released just now" : "lock bytes " + String.join(", ", held);
        return StateferryException.in(
                        FailureKind.IMAGE_IN_USE, path, "another program has the image open: it holds " + bytes)
                .advise("Quit the QEMU that uses it (the one that made the dump keeps it open until it quits),"
                        + " or wait for the tool to end, then run again.");
    }

    /**
     * Fails unless the kernel still lists the lock. What it guards is the header switch: without the lock another program
     * may have changed what the new header describes.
     */
    void prove() throws StateferryException {
        if (kernelEntry == null) {
            return;
        }
        if (!KernelLocks.ofThisProcess(FIRST_BYTE, LAST_BYTE).contains(kernelEntry)) {
            throw StateferryException.in(
                            FailureKind.IMAGE_IN_USE, path, "the lock on the image was lost while the import ran")
                    .advise("Nothing was switched over. Run the same command again.");
        }
    }
}
