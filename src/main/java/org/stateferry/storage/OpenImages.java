package org.stateferry.storage;

import com.sun.nio.file.ExtendedOpenOption;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;

/**
 * The registry of image files that this process has open, and the only place that opens them.
 *
 * <p>A POSIX lock is lost when <em>any</em> descriptor of the file is closed by the process. So an image has one entry
 * here, keyed by device and inode; whoever opens it a second time shares the entry, and its channels are closed together
 * when the last user is done. The registry is static because the locks it protects belong to the process too. Thread-safe.
 */
public final class OpenImages {
    private static final Map<String, Entry> ENTRIES = new HashMap<>();
    /** How often each file is reserved for reading as a dump; guarded by {@link #ENTRIES}. */
    private static final Map<String, Integer> DUMPS = new HashMap<>();

    private OpenImages() {}

    /** Whether and how an image is locked. */
    public enum Locking {
        /** QEMU's lock bytes are taken exclusively. */
        EXCLUSIVE,
        /** Nothing is locked; only for file systems that have no locks. */
        NONE
    }

    /**
     * Opens an image for reading and writing and locks it.
     *
     * @throws StateferryException with kind IMAGE_MISSING, IMAGE_UNSUPPORTED (not a regular file) or IMAGE_IN_USE
     */
    public static OpenImage openForUpdate(Path path, Locking locking) throws StateferryException {
        synchronized (ENTRIES) {
            Path real = realPath(path);
            FileIdentity identity = requireRegular(real);
            if (ENTRIES.containsKey(identity.key()) || DUMPS.containsKey(identity.key())) {
                throw StateferryException.in(
                                FailureKind.IMAGE_IN_USE, real, "the image is in use by another task of this program")
                        .advise("Wait for that task to end, then run again.");
            }
            FileChannel channel = ImageChannels.open(real, StandardOpenOption.READ, StandardOpenOption.WRITE);
            try {
                if (!FileIdentity.of(real).key().equals(identity.key())) {
                    throw StateferryException.in(
                            FailureKind.IMAGE_IN_USE, real, "the file was replaced while it was opened");
                }
                ImageLock lock = locking == Locking.NONE ? ImageLock.none(real) : ImageLock.acquire(real, channel);
                Entry entry = new Entry(real, identity.key(), lock, channel);
                ENTRIES.put(identity.key(), entry);
                return new OpenImage(entry);
            } catch (StateferryException | RuntimeException | Error e) {
                ImageChannels.closeAfter(channel, e);
                throw e;
            }
        }
    }

    /**
     * Makes an empty file, with the permissions that the process's umask leaves, and locks it.
     *
     * @param path in an existing folder, real but for its last name
     * @throws StateferryException with kind IMAGE_IN_USE if somebody else has just made it, IMAGE_MISSING if it cannot be
     *     made
     */
    public static OpenImage create(Path path, Locking locking) throws StateferryException {
        return create(path, locking == Locking.NONE ? (made, channel) -> ImageLock.none(made) : ImageLock::acquire);
    }

    /** How an image is locked that was just made. */
    @FunctionalInterface
    interface Locker {
        ImageLock lock(Path path, FileChannel channel) throws StateferryException;
    }

    static OpenImage create(Path path, Locker locker) throws StateferryException {
        synchronized (ENTRIES) {
            FileChannel channel = ImageChannels.createNew(path);
            @Nullable String key = null;
            try {
                key = FileIdentity.of(path).key();
                ImageLock lock = locker.lock(path, channel);
                Entry entry = new Entry(path, key, lock, channel);
                ENTRIES.put(key, entry);
                return new OpenImage(entry);
            } catch (StateferryException | RuntimeException | Error e) {
                ImageChannels.removeAfter(path, key, e);
                ImageChannels.closeAfter(channel, e);
                throw e;
            }
        }
    }

    /**
     * Opens an image for reading; others may read it too, but nobody may write. If this process has the image open for
     * update, the channel and the lock of that are shared.
     *
     * @throws StateferryException with kind IMAGE_MISSING, IMAGE_UNSUPPORTED (not a regular file) or IMAGE_IN_USE
     */
    public static OpenImage openForReading(Path path) throws StateferryException {
        return openForReading(path, Locking.EXCLUSIVE);
    }

    /**
     * The same, if asked for without a lock.
     *
     * @param locking how those who write to the image lock it
     */
    public static OpenImage openForReading(Path path, Locking locking) throws StateferryException {
        synchronized (ENTRIES) {
            Path real = realPath(path);
            FileIdentity identity = requireRegular(real);
            Entry entry = ENTRIES.get(identity.key());
            if (entry == null) {
                entry = openToRead(real, identity, locking);
                ENTRIES.put(identity.key(), entry);
            } else {
                entry.userCount++;
            }
            return new OpenImage(entry);
        }
    }

    /**
     * Promises that a file will not be opened as an image while somebody reads it as a dump: closing the dump would drop
     * the image's lock. To be called before the dump is opened, and closed after it.
     *
     * @throws StateferryException with kind IMAGE_IN_USE if this process has the file open as an image
     */
    public static DumpReservation reserveDump(Path dump) throws StateferryException {
        synchronized (ENTRIES) {
            if (!Files.exists(dump)) {
                return () -> {};
            }
            String key = FileIdentity.of(dump).key();
            if (ENTRIES.containsKey(key)) {
                throw StateferryException.in(
                                FailureKind.IMAGE_IN_USE, dump, "the dump is an image that this program works on")
                        .advise("Give the file that holds the saved state.");
            }
            DUMPS.merge(key, 1, Integer::sum);
            return () -> {
                synchronized (ENTRIES) {
                    DUMPS.computeIfPresent(key, (same, count) -> count == 1 ? null : count - 1);
                }
            };
        }
    }

    /** Holds a promise of {@link #reserveDump}; closed once. */
    @FunctionalInterface
    public interface DumpReservation extends AutoCloseable {
        @Override
        void close();
    }

    private static Entry openToRead(Path real, FileIdentity identity, Locking locking) throws StateferryException {
        FileChannel channel = ImageChannels.open(real, StandardOpenOption.READ);
        try {
            ImageLock lock = locking == Locking.NONE ? ImageLock.none(real) : ImageLock.acquireShared(real, channel);
            return new Entry(real, identity.key(), lock, channel);
        } catch (StateferryException | RuntimeException | Error e) {
            ImageChannels.closeAfter(channel, e);
            throw e;
        }
    }

    /**
     * The path without symbolic links.
     *
     * @throws StateferryException with kind IMAGE_MISSING if there is nothing
     */
    public static Path realPath(Path path) throws StateferryException {
        try {
            return path.toRealPath();
        } catch (IOException e) {
            throw ImageChannels.missing(path, e);
        }
    }

    private static FileIdentity requireRegular(Path real) throws StateferryException {
        FileIdentity identity = FileIdentity.of(real);
        if (!identity.regular()) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            real,
                            "not a regular file; images on devices are not supported")
                    .advise("Copy the image into a file with qemu-img convert or dd, and import into that.");
        }
        return identity;
    }

    /** One open file with all its channels. Fields are guarded by {@link #ENTRIES}. */
    static final class Entry {
        /** Changes when a new image gets its name. */
        volatile Path path;

        final String key;
        final ImageLock lock;
        final ChannelImageFile file;
        private final List<FileChannel> channels = new ArrayList<>();
        /** Stays open as long as the channels. */
        final LinuxFile linux;

        private int userCount = 1;

        private Entry(Path path, String key, ImageLock lock, FileChannel channel) {
            this.path = path;
            this.key = key;
            this.lock = lock;
            this.file = new ChannelImageFile(path, channel);
            this.linux = new LinuxFile(path, LinuxFile.Access.WRITE, key);
            channels.add(channel);
        }

        /** Opens a second channel that bypasses the page cache; it stays open as long as the first. */
        ImageFile openDirect() throws IOException {
            synchronized (ENTRIES) {
                requireSameFile();
                FileChannel direct =
                        FileChannel.open(path, Set.of(StandardOpenOption.WRITE, ExtendedOpenOption.DIRECT));
                // Whatever it leads to, it stays open: if it is this image, closing it would drop the lock.
                channels.add(direct);
                requireSameFile();
                return new ChannelImageFile(path, direct);
            }
        }

        /** A second channel is opened by path, which may lead to another file by now. */
        private void requireSameFile() throws StateferryException {
            if (!FileIdentity.of(path).key().equals(key)) {
                throw StateferryException.in(FailureKind.CONFLICT, path, "another file was put in the image's place")
                        .advise("Run the same command again to import into the new file.");
            }
        }

        void release() throws StateferryException {
            synchronized (ENTRIES) {
                userCount--;
                if (userCount > 0) {
                    return;
                }
                ENTRIES.remove(key);
                linux.close();
                IOException first = null;
                for (FileChannel channel : channels) {
                    try {
                        channel.close();
                    } catch (IOException e) {
                        first = first == null ? e : first;
                    }
                }
                if (first != null) {
                    throw FileFailures.translate(first, path, StateferryException.NO_OFFSET, "closing the image");
                }
            }
        }
    }
}
