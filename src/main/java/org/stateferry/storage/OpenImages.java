package org.stateferry.storage;

import com.sun.nio.file.ExtendedOpenOption;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.PathText;

/**
 * The registry of image files that this process has open, and the only place that opens them.
 *
 * <p>Where a lock belongs to the process, it is lost when <em>any</em> descriptor of the file is closed. So an image has one
 * entry here, keyed by device and inode; whoever opens it a second time shares the entry, and its channels are closed
 * together when the last user is done. The registry is static because such locks belong to the process too. Thread-safe;
 * whoever waits for one file holds nobody up who wants another.
 */
public final class OpenImages {
    private static final Map<String, Entry> ENTRIES = new HashMap<>();
    /** The keys of files that are being opened or closed, outside the lock on {@link #ENTRIES}, which guards the set. */
    private static final Set<String> UNSETTLED = new HashSet<>();
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

    /** What is asked of a file before it is opened. */
    @FunctionalInterface
    public interface Condition {
        /** Asks nothing. */
        Condition NONE = found -> {};

        /** Throws if the file is not to be opened; of a new file, if it is not to be made in the folder that was found. */
        void require(LinuxFile found) throws IOException;
    }

    /**
     * Opens an image for reading and writing and locks it, which may take {@link LockPatience#BOUND}.
     *
     * @throws StateferryException with kind IMAGE_MISSING, IMAGE_UNSUPPORTED (neither a regular file nor a block device), or
     *     IMAGE_IN_USE, also if a process that locks nothing has it open for writing
     */
    public static OpenImage openForUpdate(Path path, Locking locking) throws StateferryException {
        return openForUpdate(path, locking, LockPatience.bounded(path));
    }

    /**
     * The same for the one file that a path names: a symbolic link at its end is not followed.
     *
     * @param real without symbolic links on the way
     * @param condition asked about the very file that is opened, before it is; a link is one that it hears of
     */
    public static OpenImage openForUpdate(Path real, Locking locking, Condition condition) throws StateferryException {
        try (LinuxFile found = ImageChannels.locate(real, condition)) {
            return openForUpdate(found, real, locking, LockPatience.bounded(real));
        }
    }

    static OpenImage openForUpdate(Path path, Locking locking, LockPatience patience) throws StateferryException {
        Path real = realPath(path);
        try (LinuxFile found = ImageChannels.locate(real)) {
            return openForUpdate(found, real, locking, patience);
        }
    }

    private static OpenImage openForUpdate(LinuxFile found, Path real, Locking locking, LockPatience patience)
            throws StateferryException {
        String key = found.key();
        synchronized (ENTRIES) {
            awaitSettled(key, real);
            awaitReaders(key, real);
            if (ENTRIES.containsKey(key) || DUMPS.containsKey(key)) {
                throw inUseHere(real);
            }
            UNSETTLED.add(key);
        }
        return new OpenImage(settle(key, () -> openLocked(found, real, locking, patience)));
    }

    /** While somebody else holds the image it is opened anew each time: nobody is to find it open for writing. */
    private static Entry openLocked(LinuxFile found, Path real, Locking locking, LockPatience patience)
            throws StateferryException {
        boolean lastTry = false;
        while (true) {
            ImageChannels opened = ImageChannels.open(found, real, Access.WRITE);
            try {
                ImageLock lock = locking == Locking.NONE
                        ? ImageLock.none(real)
                        : ImageLock.tryExclusive(real, opened.linux(), opened.channel());
                if (lock != null) {
                    OtherWriters.requireNone(real, opened.linux(), patience);
                    return new Entry(real, opened, lock);
                }
                if (lastTry) {
                    throw ImageLock.inUse(real, opened.linux(), opened.channel());
                }
            } catch (StateferryException | RuntimeException | Error e) {
                opened.closeAfter(e);
                throw e;
            }
            opened.closeAfter(null);
            lastTry = !patience.again();
        }
    }

    /**
     * Makes an empty file, which only its owner may read and write until it is {@linkplain OpenImage#giveRights told
     * otherwise}, and locks it.
     *
     * @param path in an existing folder, real but for its last name
     * @throws StateferryException with kind IMAGE_IN_USE if somebody else has just made it or locked it, IMAGE_MISSING if it
     *     cannot be made
     */
    public static OpenImage create(Path path, Locking locking) throws StateferryException {
        return create(path, locking, Condition.NONE);
    }

    /**
     * The same.
     *
     * @param condition asked about the very folder that the file is made in, before it is
     */
    public static OpenImage create(Path path, Locking locking, Condition condition) throws StateferryException {
        return create(
                path,
                condition,
                made -> locking == Locking.NONE
                        ? ImageLock.none(path)
                        : ImageLock.tryExclusive(path, made.linux(), made.channel()));
    }

    /** How an image is locked that was just made; null if somebody else holds it already. */
    @FunctionalInterface
    interface Locker {
        @Nullable
        ImageLock lock(ImageChannels made) throws StateferryException;
    }

    static OpenImage create(Path path, Locker locker) throws StateferryException {
        return create(path, Condition.NONE, locker);
    }

    private static OpenImage create(Path path, Condition condition, Locker locker) throws StateferryException {
        ImageChannels made = ImageChannels.createNew(path, condition);
        try {
            ImageLock lock = locker.lock(made);
            synchronized (ENTRIES) {
                if (lock == null || UNSETTLED.contains(made.key()) || ENTRIES.containsKey(made.key())) {
                    throw StateferryException.in(
                                    FailureKind.IMAGE_IN_USE,
                                    path,
                                    "somebody else has opened the image that was just made")
                            .advise("Run again to see what it holds.");
                }
                Entry entry = new Entry(path, made, lock);
                ENTRIES.put(made.key(), entry);
                return new OpenImage(entry);
            }
        } catch (StateferryException | RuntimeException | Error e) {
            made.removeAfter(path, e);
            made.closeAfter(e);
            throw e;
        }
    }

    /**
     * Opens an image for reading; others may read it too, but nobody may write. If this process has the image open for
     * update, the channel and the lock of that are shared.
     *
     * @throws StateferryException with kind IMAGE_MISSING, IMAGE_UNSUPPORTED (neither a regular file nor a block device) or
     *     IMAGE_IN_USE
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
        return openForReading(path, locking, Condition.NONE);
    }

    /**
     * The same.
     *
     * @param condition asked about the very file that is opened, before it is
     */
    public static OpenImage openForReading(Path path, Locking locking, Condition condition) throws StateferryException {
        Path real = realPath(path);
        try (LinuxFile found = ImageChannels.locate(real, condition)) {
            String key = found.key();
            synchronized (ENTRIES) {
                awaitSettled(key, real);
                Entry entry = ENTRIES.get(key);
                if (entry != null) {
                    entry.userCount++;
                    return new OpenImage(entry);
                }
                UNSETTLED.add(key);
            }
            return new OpenImage(settle(key, () -> openToRead(found, real, locking)));
        }
    }

    /**
     * The same for work that is not urgent: the caller looks at {@link OpenImage#isWanted} twice a second or more often, and closes the
     * image as soon as another task of this program waits to change it.
     *
     * @throws StateferryException as {@link #openForReading(Path, Locking)}; with kind IMAGE_IN_USE also if another task of this
     *     program changes the image, or goes on reading it for 2 seconds
     */
    public static OpenImage openForPatientReading(Path path, Locking locking) throws StateferryException {
        Path real = realPath(path);
        try (LinuxFile found = ImageChannels.locate(real)) {
            String key = found.key();
            synchronized (ENTRIES) {
                awaitSettled(key, real);
                awaitReaders(key, real); // they look at its snapshots, which takes no time
                if (ENTRIES.containsKey(key)) {
                    throw inUseHere(real);
                }
                UNSETTLED.add(key);
            }
            return new OpenImage(settle(key, () -> openToRead(found, real, locking)));
        }
    }

    private static StateferryException inUseHere(Path real) {
        return StateferryException.in(
                        FailureKind.IMAGE_IN_USE, real, "the image is in use by another task of this program")
                .advise("Wait for that task to end, then run again.");
    }

    /**
     * Waits until nobody in this process reads a file, as long as for the readers of other programs; called with the lock on
     * {@link #ENTRIES}.
     */
    private static void awaitReaders(String key, Path path) throws StateferryException {
        long deadline = System.nanoTime() + LockPatience.BOUND.toNanos();
        try {
            for (Entry entry = ENTRIES.get(key); entry != null && entry.isRead; entry = ENTRIES.get(key)) {
                long millis = (deadline - System.nanoTime()) / 1_000_000;
                if (millis <= 0) {
                    return;
                }
                entry.wanted = true;
                ENTRIES.wait(millis);
                awaitSettled(key, path);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw StateferryException.in(
                    FailureKind.INTERRUPTED, path, "interrupted while another task was to close the file");
        }
    }

    private static Entry openToRead(LinuxFile found, Path real, Locking locking) throws StateferryException {
        ImageChannels opened = ImageChannels.open(found, real, Access.READ);
        try {
            ImageLock lock = locking == Locking.NONE
                    ? ImageLock.none(real)
                    : ImageLock.shared(real, opened.linux(), opened.channel());
            Entry entry = new Entry(real, opened, lock);
            entry.isRead = true;
            return entry;
        } catch (StateferryException | RuntimeException | Error e) {
            opened.closeAfter(e);
            throw e;
        }
    }

    /** Opens a file whose key is in {@link #UNSETTLED}. */
    @FunctionalInterface
    private interface Opening {
        Entry open() throws StateferryException;
    }

    /** Opens a file while nobody else does; others are not held up. */
    private static Entry settle(String key, Opening opening) throws StateferryException {
        Entry entry = null;
        try {
            entry = opening.open();
            return entry;
        } finally {
            settled(key, entry);
        }
    }

    private static void settled(String key, @Nullable Entry entry) {
        synchronized (ENTRIES) {
            UNSETTLED.remove(key);
            if (entry != null) {
                ENTRIES.put(key, entry);
            }
            ENTRIES.notifyAll();
        }
    }

    /** Waits until nobody is about to open or close a file; called with the lock on {@link #ENTRIES}. */
    private static void awaitSettled(String key, Path path) throws StateferryException {
        try {
            while (UNSETTLED.contains(key)) {
                ENTRIES.wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw StateferryException.in(
                    FailureKind.INTERRUPTED, path, "interrupted while another task opened or closed the file");
        }
    }

    /**
     * Promises that a file will not be opened as an image while somebody reads it as a dump: closing the dump would drop
     * the image's lock. To be called before the dump is opened, and closed after it.
     *
     * @throws StateferryException with kind IMAGE_IN_USE if this process has the file open as an image
     */
    public static DumpReservation reserveDump(Path dump) throws StateferryException {
        if (!Files.exists(dump)) {
            return () -> {};
        }
        String key = FileIdentity.of(dump).key();
        synchronized (ENTRIES) {
            awaitSettled(key, dump);
            if (ENTRIES.containsKey(key)) {
                throw StateferryException.in(
                                FailureKind.IMAGE_IN_USE, dump, "the dump is an image that this program works on")
                        .advise("Give the file that holds the saved state.");
            }
            DUMPS.merge(key, 1, Integer::sum);
        }
        return () -> {
            synchronized (ENTRIES) {
                DUMPS.computeIfPresent(key, (same, count) -> count == 1 ? null : count - 1);
            }
        };
    }

    /** Holds a promise of {@link #reserveDump}; closed once. */
    @FunctionalInterface
    public interface DumpReservation extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * The path without symbolic links.
     *
     * @throws StateferryException with kind IMAGE_MISSING if there is nothing, or a name in it is no text
     */
    public static Path realPath(Path path) throws StateferryException {
        try {
            Path real = path.toRealPath();
            if (!PathText.isText(real)) {
                throw StateferryException.in(FailureKind.IMAGE_MISSING, real, PathText.PROBLEM)
                        .advise(PathText.ADVICE);
            }
            return real;
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw ImageChannels.missing(path, e);
        }
    }

    /** One open file with all its channels. */
    static final class Entry {
        /** Changes when a new image gets its name. */
        volatile Path path;

        final String key;
        final ImageLock lock;
        final ChannelImageFile file;
        /** Whether it is a block device, which neither grows nor shrinks. */
        final boolean isDevice;
        /** Holds the lock; stays open as long as the channels. */
        final LinuxFile linux;

        /** Whether it is only read, which as a rule takes no longer than a moment; guarded by {@link #ENTRIES}. */
        private boolean isRead;
        /** Whether somebody waits for that. */
        volatile boolean wanted;

        /** Guarded by this object. */
        private final List<FileChannel> channels = new ArrayList<>();
        /** Guarded by {@link #ENTRIES}. */
        private int userCount = 1;

        private Entry(Path path, ImageChannels opened, ImageLock lock) throws StateferryException {
            this.path = path;
            this.isDevice = opened.isDevice(path);
            this.key = opened.key();
            this.lock = lock;
            this.file = new ChannelImageFile(path, opened.channel(), opened.linux(), isDevice);
            this.linux = opened.linux();
            channels.add(opened.channel());
        }

        /** Opens a second channel that bypasses the page cache; it stays open as long as the first. */
        synchronized ImageFile openDirect() throws IOException {
            FileChannel direct = linux.channel(StandardOpenOption.WRITE, ExtendedOpenOption.DIRECT);
            channels.add(direct);
            return new ChannelImageFile(path, direct, null, isDevice);
        }

        /** Others wait for this file until it is closed: closing it then would drop their lock. */
        void release() throws StateferryException {
            synchronized (ENTRIES) {
                userCount--;
                if (userCount > 0) {
                    return;
                }
                ENTRIES.remove(key);
                UNSETTLED.add(key);
            }
            try {
                closeAll();
            } finally {
                settled(key, null);
            }
        }

        private synchronized void closeAll() throws StateferryException {
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
