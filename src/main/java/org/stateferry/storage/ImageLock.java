package org.stateferry.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.DescriptorLocks;
import org.stateferry.host.LinuxFile;

/**
 * The byte-range lock that keeps QEMU and its tools out while an image is changed, and that is refused while one of them
 * has the image open.
 *
 * <p>QEMU marks each permission it uses by a shared lock on byte {@code 100 + n} and each one it denies to others on byte
 * {@code 200 + n} (QEMU {@code block/file-posix.c}, {@code RAW_LOCK_PERM_BASE} and {@code RAW_LOCK_SHARED_BASE}). An
 * exclusive lock on all of these bytes conflicts with every one of them.
 *
 * <p>Like QEMU's own it belongs to a descriptor and ends with that alone. Where the system has no such locks it belongs to
 * the process, see {@link ProcessLocks}; so nothing else of this process may close the image meanwhile. Either can be lost
 * on a network file system. So {@link #prove()} asks the kernel.
 */
final class ImageLock {
    private static final long FIRST_BYTE = 100;
    private static final long LAST_BYTE = 203;
    private static final long BYTE_COUNT = LAST_BYTE - FIRST_BYTE + 1;

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
    /** Null if the kernel lists no locks, or none was taken: then nothing is proved. */
    private final @Nullable Proof proof;

    /** Asks the kernel. */
    @FunctionalInterface
    interface Proof {
        /** Whether the lock is held. */
        boolean isHeld();
    }

    private ImageLock(Path path, @Nullable Proof proof) {
        this.path = path;
        this.proof = proof;
    }

    /** No lock at all, for file systems that have none. */
    static ImageLock none(Path path) {
        return new ImageLock(path, null);
    }

    /**
     * Tries once to take the lock; null if somebody else holds any of the bytes.
     *
     * @param linux open to write; the lock ends when it is closed
     * @param channel another descriptor of the same file, open to write
     */
    static @Nullable ImageLock tryExclusive(Path path, LinuxFile linux, FileChannel channel)
            throws StateferryException {
        DescriptorLocks locks = linux.locks();
        if (!locks.arePossible()) {
            return tryExclusive(path, channel);
        }
        if (!tryLock(path, locks, FIRST_BYTE, BYTE_COUNT, false)) {
            return null;
        }
        Proof listed = () -> locks.isListed(FIRST_BYTE, LAST_BYTE);
        return new ImageLock(path, listed.isHeld() ? listed : null);
    }

    /** The same with a lock of the process. */
    static @Nullable ImageLock tryExclusive(Path path, FileChannel channel) throws StateferryException {
        try {
            ProcessLocks.Taken taken = ProcessLocks.tryExclusive(path, channel, FIRST_BYTE, BYTE_COUNT);
            return taken == null ? null : new ImageLock(path, taken.proof());
        } catch (IOException e) {
            throw cannotLock(path, e, false);
        }
    }

    /**
     * Marks the image as being read, as a QEMU does that lets nobody else write: others may read it at the same time.
     *
     * @param linux open to read; the marks end when it is closed
     * @param channel another descriptor of the same file, open to read
     * @throws StateferryException with kind IMAGE_IN_USE if somebody writes to it
     */
    static ImageLock shared(Path path, LinuxFile linux, FileChannel channel) throws StateferryException {
        DescriptorLocks locks = linux.locks();
        return locks.arePossible() ? shared(path, locks) : shared(path, channel);
    }

    private static ImageLock shared(Path path, DescriptorLocks locks) throws StateferryException {
        for (long position : SHARED_BYTES) {
            if (!tryLock(path, locks, position, 1, true)) {
                throw isBeingChanged(path);
            }
        }
        for (long position : WRITER_BYTES) {
            if (isHeldByAnother(path, locks, position)) {
                throw hasWriter(path, position);
            }
        }
        return none(path);
    }

    /** The same with locks of the process. */
    static ImageLock shared(Path path, FileChannel channel) throws StateferryException {
        try {
            for (long position : SHARED_BYTES) {
                if (channel.tryLock(position, 1, true) == null) {
                    throw isBeingChanged(path);
                }
            }
            for (long position : WRITER_BYTES) {
                if (ProcessLocks.isHeldByOthers(SHARED_BYTES[0], position)) {
                    throw hasWriter(path, position);
                }
            }
            return none(path);
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw cannotLock(path, e, true);
        }
    }

    private static boolean tryLock(Path path, DescriptorLocks locks, long position, long size, boolean shared)
            throws StateferryException {
        try {
            return locks.tryLock(position, size, shared);
        } catch (IOException e) {
            throw cannotLock(path, e, shared);
        }
    }

    private static boolean isHeldByAnother(Path path, DescriptorLocks locks, long position) throws StateferryException {
        try {
            return locks.isHeldByAnother(position, 1);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, position, "asking for a lock");
        }
    }

    private static StateferryException isBeingChanged(Path path) {
        return StateferryException.in(FailureKind.IMAGE_IN_USE, path, "another program is changing the image")
                .advise("Wait for it to end, then run again.");
    }

    private static StateferryException hasWriter(Path path, long position) {
        return StateferryException.in(
                        FailureKind.IMAGE_IN_USE,
                        path,
                        "another program has the image open: it holds lock byte " + position + " ("
                                + LOCK_NAMES.get(position) + ")")
                .advise("Quit the QEMU that uses it, then run again.");
    }

    private static StateferryException cannotLock(Path path, IOException e, boolean shared) {
        // Only who changes an image can do without the lock, if he says so; who reads it can as well read a copy.
        return StateferryException.in(
                        FailureKind.IMAGE_UNSUPPORTED,
                        path,
                        "the file system cannot lock the image (" + FileFailures.reason(e) + ")")
                .advise(
                        shared
                                ? "Make sure that no other program uses the image, then read a copy of it that lies on"
                                        + " a file system with locks."
                                : "Make sure that no other program uses the image; then an import can do without, with --no-lock."
                                        + " For all else, work on a copy that lies on a file system with locks.")
                .causedBy(e);
    }

    /** The failure of an import that cannot have the lock; it names the bytes that others hold. */
    static StateferryException inUse(Path path, LinuxFile linux, FileChannel channel) throws StateferryException {
        List<String> held = new ArrayList<>();
        DescriptorLocks locks = linux.locks();
        boolean ofDescriptor = locks.arePossible();
        for (Map.Entry<Long, String> entry : LOCK_NAMES.entrySet()) {
            boolean byAnother = ofDescriptor
                    ? isHeldByAnother(path, locks, entry.getKey())
                    : ProcessLocks.isHeldByAnother(path, channel, entry.getKey());
            if (byAnother) {
                held.add(entry.getKey() + " (" + entry.getValue() + ")");
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
        if (proof != null && !proof.isHeld()) {
            throw StateferryException.in(
                            FailureKind.IMAGE_IN_USE, path, "the lock on the image was lost while the import ran")
                    .advise("Nothing was switched over. Run the same command again.");
        }
    }
}
