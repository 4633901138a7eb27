package org.stateferry.home;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.PrivateFile;

/**
 * The exclusive right to use a home's job repository; one process at a time holds it. It is a lock on {@code
 * owner.lock} that the operating system takes back when the process dies in whatever way; who holds it stands in a file
 * beside it.
 *
 * <p>POSIX drops a process's locks on a file as soon as the process closes <em>any</em> descriptor of it. So this class
 * alone opens the lock file, and within one JVM at most once per home.
 *
 * <p>Thread-safe.
 */
public final class RepositoryOwnership implements AutoCloseable {
    private static final long POLL_MILLIS = 100;
    /** How long an owner that has not introduced itself is waited for without a word. */
    private static final Duration SILENCE_MAX = Duration.ofSeconds(1);

    /** The homes whose lock file this JVM has open. */
    private static final Set<Path> OPEN_HERE = ConcurrentHashMap.newKeySet();

    private final StateferryHome home;
    private final FileChannel lockFile;
    private boolean closed;

    private RepositoryOwnership(StateferryHome home, FileChannel lockFile) {
        this.home = home;
        this.lockFile = lockFile;
    }

    /**
     * Waits until this process owns the repository. Does not wait for a service, which would not end by itself.
     *
     * @param self what others are told about this process
     * @param longestWait how long to wait at most, or null for as long as it takes
     * @param notice hears one line when the wait begins and whenever the owner changes
     * @param stop ends the wait early
     * @throws StateferryException of kind {@link FailureKind#REPOSITORY} if the wait is over or the owner is a service, of
     *     kind {@link FailureKind#INTERRUPTED} if the wait was stopped
     */
    public static RepositoryOwnership acquire(
            StateferryHome home,
            RepositoryOwner self,
            @Nullable Duration longestWait,
            Consumer<String> notice,
            StopSignal stop)
            throws StateferryException {
        Wait wait = new Wait(home, longestWait, notice, stop);
        while (true) {
            Optional<RepositoryOwnership> ownership = tryAcquire(home, self);
            if (ownership.isPresent()) {
                return ownership.get();
            }
            wait.goOn();
        }
    }

    /**
     * Takes the repository if nobody owns it; does not wait.
     *
     * @param self what others are told about this process
     */
    public static Optional<RepositoryOwnership> tryAcquire(StateferryHome home, RepositoryOwner self)
            throws StateferryException {
        if (!OPEN_HERE.add(home.folder())) {
            return Optional.empty();
        }
        @Nullable RepositoryOwnership ownership = lock(home);
        if (ownership == null) {
            return Optional.empty();
        }
        try {
            // These files are a former owner's; what they say is no longer so.
            Files.deleteIfExists(home.statusFile());
            Files.deleteIfExists(home.historyFile());
            self.write(home.ownerFile());
            return Optional.of(ownership);
        } catch (IOException e) {
            ownership.close();
            throw StateferryHome.unusable(home.ownerFile(), e);
        }
    }

    private static @Nullable RepositoryOwnership lock(StateferryHome home) throws StateferryException {
        @Nullable FileChannel channel = null;
        boolean locked = false;
        try {
            channel = openLockFile(home.ownerLockFile());
            locked = channel.tryLock() != null;
            return locked ? new RepositoryOwnership(home, channel) : null;
        } catch (IOException e) {
            throw StateferryHome.unusable(home.ownerLockFile(), e);
        } finally {
            if (!locked) {
                closeLockFile(home, channel);
            }
        }
    }

    /** The first descriptor is closed before the lock is taken, so it takes none away. */
    private static FileChannel openLockFile(Path path) throws IOException {
        try (LinuxFile file = PrivateFile.openOrCreate(path)) {
            return file.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
        }
    }

    private static void closeLockFile(StateferryHome home, @Nullable FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // The descriptor is gone all the same, and with it the lock.
        } finally {
            OPEN_HERE.remove(home.folder());
        }
    }

    /** Whether a service owns the repository now. */
    public static boolean isOfService(StateferryHome home) {
        return currentOwner(home).filter(RepositoryOwner::service).isPresent();
    }

    /** Who owns the repository now; empty if nobody does, or if the owner has not introduced itself yet. */
    public static Optional<RepositoryOwner> currentOwner(StateferryHome home) {
        return RepositoryOwner.read(home.ownerFile());
    }

    /** Gives the repository to whoever wants it next. Closing again does nothing. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            Files.deleteIfExists(home.ownerFile());
        } catch (IOException e) {
            // A file left behind names a dead or idle process and is overwritten by the next owner.
        } finally {
            closeLockFile(home, lockFile);
        }
    }

    /** One process's wait: when to give up, and what to say meanwhile. */
    private static final class Wait {
        private final StateferryHome home;
        private final @Nullable Duration longest;
        private final Consumer<String> notice;
        private final StopSignal stop;
        private final long beginNanos = System.nanoTime();
        private String announced = "";

        Wait(StateferryHome home, @Nullable Duration longest, Consumer<String> notice, StopSignal stop) {
            this.home = home;
            this.longest = longest;
            this.notice = notice;
            this.stop = stop;
        }

        /** Sleeps for a moment, or throws if there is no point in waiting on. */
        void goOn() throws StateferryException {
            Optional<RepositoryOwner> owner = currentOwner(home);
            refuseService(owner);
            Duration waited = Duration.ofNanos(System.nanoTime() - beginNanos);
            String name = owner.map(RepositoryOwner::describe).orElse("another process");
            if (longest != null && waited.compareTo(longest) >= 0) {
                throw gaveUp(name, waited);
            }
            if (!name.equals(announced) && (owner.isPresent() || isLongUnnamed(waited))) {
                announced = name;
                notice.accept("waiting for the job repository, owned by " + name);
            }
            sleep();
        }

        private boolean isLongUnnamed(Duration waited) {
            return announced.isEmpty() && waited.compareTo(SILENCE_MAX) >= 0;
        }

        private void refuseService(Optional<RepositoryOwner> owner) throws StateferryException {
            if (owner.isPresent() && owner.get().service()) {
                throw StateferryException.in(
                                FailureKind.REPOSITORY,
                                home.folder(),
                                "the job repository belongs to a running service, "
                                        + owner.get().describe())
                        .advise(
                                "If it is starting or ending, run this again in a moment; a second service needs a home of"
                                        + " its own.");
            }
        }

        private StateferryException gaveUp(String name, Duration waited) {
            return StateferryException.in(
                            FailureKind.REPOSITORY,
                            home.folder(),
                            "the job repository is in use by " + name + "; waited " + waited.toSeconds() + " s")
                    .advise("Try again when that process has ended, or wait longer with --wait SECONDS.");
        }

        private void sleep() throws StateferryException {
            try {
                Thread.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                stop.request();
            }
            if (stop.isRequested()) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "stopped while waiting for the job repository");
            }
        }
    }
}
