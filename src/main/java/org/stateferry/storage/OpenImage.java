package org.stateferry.storage;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileOwner;
import org.stateferry.host.FileStatus;

/**
 * One user's hold on an open image; made by {@link OpenImages}. Closing it twice is harmless. Thread-safe except for
 * {@link #close()}, which only the owner calls.
 */
public final class OpenImage implements AutoCloseable {
    private final OpenImages.Entry entry;
    private boolean closed;

    OpenImage(OpenImages.Entry entry) {
        this.entry = entry;
    }

    /** The image's real path. */
    public Path path() {
        return entry.path;
    }

    /** Device and inode, as {@link FileIdentity#key()}. */
    public String key() {
        return entry.key;
    }

    /** Whether somebody waits for this to be closed; see {@link OpenImages#openForPatientReading}. */
    public boolean isWanted() {
        return entry.wanted;
    }

    /** The image through the page cache. */
    public ImageFile file() {
        return entry.file;
    }

    /**
     * The image past the page cache, or empty if the file system refuses that. Buffers, offsets and lengths given to it
     * are multiples of {@link #blockSize()}.
     *
     */
    public Optional<ImageFile> directFile() {
        try {
            return Optional.of(entry.openDirect());
        } catch (IOException | UnsupportedOperationException e) {
            return Optional.empty();
        }
    }

    /**
     * Allocates blocks for a range, which make the file as long as the range's end says and read as zeros. Worth it before
     * writes past the page cache: extending a file, ext4 and others let one of them in at a time.
     *
     * @return whether it was possible; if not, nothing depends on it
     */
    public boolean allocate(long offset, long length) {
        return entry.linux.allocate(offset, length);
    }

    /**
     * Gives the blocks of a range that nobody uses any more back to the file system; the image's file keeps its length.
     *
     * @return whether the file system has done it; if not, nothing depends on it
     */
    public boolean giveBack(long offset, long length) {
        return entry.linux.giveBack(offset, length);
    }

    /**
     * Starts to write to the disk what the page cache holds of the image, and does not wait for it. A failure is one of the
     * next force.
     *
     * @return whether that is possible
     */
    public boolean startWriteBack() {
        return entry.linux.startWriteBack();
    }

    /**
     * The first offset from {@code offset} on that is in a hole of the file or behind its end, as far as the file system
     * tells; {@link Long#MAX_VALUE} if it tells nothing.
     */
    public long nextHole(long offset) {
        return entry.linux.nextHole(offset);
    }

    /** Takes what is on stable storage out of the page cache, where that is possible. */
    public void dropCached() {
        entry.linux.dropCached(0, 0);
    }

    /** The file system's block size in bytes: the alignment that direct access needs. */
    public long blockSize() throws StateferryException {
        try {
            return Files.getFileStore(path()).getBlockSize();
        } catch (IOException e) {
            throw FileFailures.translate(e, path(), StateferryException.NO_OFFSET, "asking for the block size");
        }
    }

    /** Bytes that the image can still grow by: those that the file system has for this user. A block device grows by none. */
    public long usableSpace() throws StateferryException {
        if (entry.isDevice) {
            return 0;
        }
        try {
            return Files.getFileStore(path()).getUsableSpace();
        } catch (IOException e) {
            throw FileFailures.translate(e, path(), StateferryException.NO_OFFSET, "asking for the free space");
        }
    }

    /** Whether what the image takes is missing to another file or folder, which is there. */
    public boolean sharesSpaceWith(Path other) throws StateferryException {
        try {
            return Files.getFileStore(path()).equals(Files.getFileStore(other));
        } catch (IOException e) {
            throw FileFailures.translate(e, path(), StateferryException.NO_OFFSET, "asking for the file system");
        }
    }

    /** What the image's path leads to now. */
    public FileIdentity identity() throws StateferryException {
        return FileIdentity.of(path());
    }

    /**
     * Fails unless the kernel still lists our lock and the path still leads to the file that is open.
     *
     * @throws StateferryException with kind IMAGE_IN_USE or CONFLICT
     */
    public void proveHeld() throws StateferryException {
        entry.lock.prove();
        if (!isAt(path())) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            path(),
                            "the image was moved away, or another file put in its place, meanwhile")
                    .advise("Run the same command again to work on the file that is there now.");
        }
    }

    /**
     * As {@link #proveHeld}; also fails if a process that locks nothing has the image open for writing, as far as this
     * system tells. To be called before the image is switched over; it looks at all processes.
     *
     * @throws StateferryException with kind IMAGE_IN_USE or CONFLICT
     */
    public void proveAlone() throws StateferryException {
        proveHeld();
        OtherWriters.requireNone(path(), entry.linux, LockPatience.bounded(path()));
    }

    /**
     * Fails if somebody else has cut the image.
     *
     * @param length how long it was when all that is to be switched over had been written, in bytes
     * @throws StateferryException with kind IMAGE_IN_USE
     */
    public void requireNotCut(long length) throws StateferryException {
        long now = entry.file.size();
        if (now < length) {
            throw StateferryException.in(
                            FailureKind.IMAGE_IN_USE,
                            path(),
                            "another program has cut the image during the import: it had " + length + " bytes and has "
                                    + now)
                    .advise("Nothing was switched over. End that program, check the image with qemu-img check, and run"
                            + " the same command again.");
        }
    }

    /**
     * Gives the image a name, never that of another file, and leaves it the one it has: where the file system has no hard
     * links, it is moved. Nothing is forced.
     *
     * @param name in the same folder
     * @throws StateferryException with kind CONFLICT if the name is taken
     */
    public void addName(Path name, FileNames names) throws StateferryException {
        proveHeld();
        try {
            linkOrMove(name, names);
            if (!isAt(name)) {
                throw StateferryException.in(
                                FailureKind.CONFLICT,
                                name,
                                "another file was put in the image's place while it got its name")
                        .advise(
                                "Look at it and move it away; then run the same command again, in a folder that only you"
                                        + " may write to.");
            }
        } catch (StateferryException e) {
            throw e;
        } catch (FileAlreadyExistsException e) {
            // A network file system may say so of a link that it has just made.
            if (!isAt(name)) {
                throw StateferryException.in(
                                FailureKind.CONFLICT, name, "another file has got the image's name during the import")
                        .advise(
                                "Move that file away and run the same command again: the image lacks nothing but its name.");
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, name, StateferryException.NO_OFFSET, "giving the image its name");
        }
        entry.path = name;
    }

    private void linkOrMove(Path name, FileNames names) throws IOException {
        try {
            names.link(path(), name);
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (UnsupportedOperationException | IOException e) {
            try {
                names.move(path(), name);
            } catch (IOException alsoFailed) {
                alsoFailed.addSuppressed(e);
                throw alsoFailed;
            }
        }
    }

    /**
     * Fails if the image could not be given away as it is wanted; called before anything is written to it.
     *
     * @throws StateferryException with kind CONFLICT
     */
    public void requireGivable(ImageRights rights) throws StateferryException {
        if (rights.owner() != null) {
            try {
                entry.linux.tryOwner(FileOwner.parse(rights.owner()));
            } catch (IOException | IllegalArgumentException e) {
                throw cannotGive(rights, e);
            }
        }
    }

    /**
     * Gives the image to those who are to have it.
     *
     * @param dump what the image was made of
     */
    public void giveRights(ImageRights rights, FileStatus dump) throws StateferryException {
        try {
            // The owner first: until then the image is nobody's but ours.
            if (rights.owner() != null) {
                entry.linux.setOwner(FileOwner.parse(rights.owner()));
            }
            entry.linux.setPermissions(rights.modeFor(dump, entry.linux.status().group()));
        } catch (IOException | IllegalArgumentException e) {
            throw cannotGive(rights, e);
        }
    }

    private StateferryException cannotGive(ImageRights rights, Exception failure) {
        String reason = failure instanceof IOException system ? FileFailures.reason(system) : failure.getMessage();
        return rights.owner() == null
                ? StateferryException.in(FailureKind.IO, path(), "setting the permissions failed: " + reason)
                        .causedBy(failure)
                : StateferryException.in(
                                FailureKind.CONFLICT,
                                path(),
                                "the image cannot be given to " + rights.owner() + ": " + reason)
                        .causedBy(failure)
                        .advise("Run as root, or leave the owner out and give the image away afterwards.");
    }

    /** Takes a name away if it leads to this image. */
    public void removeName(Path name, FileNames names) throws StateferryException {
        try {
            if (isAt(name)) {
                names.delete(name);
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, name, StateferryException.NO_OFFSET, "removing the unfinished image");
        }
    }

    /** Returns when the names in the image's folder are on stable storage. */
    public void forceNames(FileNames names) throws StateferryException {
        Path folder = Objects.requireNonNull(path().getParent(), "a file has a folder");
        try {
            names.force(folder);
        } catch (IOException e) {
            throw FileFailures.translate(
                    e, folder, StateferryException.NO_OFFSET, "forcing the folder to stable storage");
        }
    }

    /** Whether a path leads to this image. */
    public boolean isAt(Path name) throws StateferryException {
        try {
            return FileStatus.of(name).key().equals(entry.key);
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            if (!Files.exists(name)) {
                return false; // a circle of links, or a folder that is gone or closed
            }
            throw FileFailures.translate(e, name, StateferryException.NO_OFFSET, "looking at the file");
        }
    }

    @Override
    public void close() throws StateferryException {
        if (!closed) {
            closed = true;
            entry.release();
        }
    }
}
