package org.stateferry.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;

/**
 * An image's file, opened for {@link OpenImages}: a channel for its content, and beside it the descriptor that holds the
 * lock. Says in the words of images why one cannot be opened or made.
 */
record ImageChannels(LinuxFile linux, FileChannel channel) {
    /** Until the image is complete. */
    private static final int NEW_IMAGE_PERMISSIONS = 0600;

    /** Device and inode, as {@link FileIdentity#key()}. */
    String key() {
        return linux.key();
    }

    /**
     * Makes an empty file.
     *
     * @param condition what is asked of its folder first
     * @throws StateferryException with kind IMAGE_IN_USE if it is there by now, NO_SPACE, or IMAGE_MISSING
     */
    static ImageChannels createNew(Path path, OpenImages.Condition condition) throws StateferryException {
        try (LinuxFile folder = LinuxFile.locate(Objects.requireNonNull(path.getParent()), Links.FOLLOW)) {
            condition.require(folder);
            return of(folder.createIn(path.getFileName().toString(), NEW_IMAGE_PERMISSIONS), Access.WRITE);
        } catch (StateferryException e) {
            throw e;
        } catch (FileAlreadyExistsException e) {
            throw StateferryException.in(FailureKind.IMAGE_IN_USE, path, "another import has begun to make the image")
                    .advise("Wait for it to end, then run again.");
        } catch (IOException e) {
            StateferryException failure =
                    FileFailures.translate(e, path, StateferryException.NO_OFFSET, "making the image");
            throw failure.kind() == FailureKind.NO_SPACE
                    ? failure
                    : StateferryException.in(FailureKind.IMAGE_MISSING, path, failure.problem())
                            .advise("Give a path in a folder that this user may write to.")
                            .causedBy(e);
        }
    }

    /**
     * Finds an image, without opening it.
     *
     * @param real a path without symbolic links
     * @throws StateferryException with kind IMAGE_MISSING, or IMAGE_UNSUPPORTED if it is neither a regular file nor a block device
     */
    static LinuxFile locate(Path real) throws StateferryException {
        return locate(real, OpenImages.Condition.NONE);
    }

    /**
     * The same.
     *
     * @param condition what is asked of the file first
     */
    static LinuxFile locate(Path real, OpenImages.Condition condition) throws StateferryException {
        try {
            LinuxFile found = LinuxFile.locate(real, Links.STAY);
            try {
                requireImage(real, found, condition);
                return found;
            } catch (IOException | RuntimeException e) {
                found.close();
                throw e;
            }
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw missing(real, e);
        }
    }

    private static void requireImage(Path real, LinuxFile file, OpenImages.Condition condition) throws IOException {
        condition.require(file);
        FileStatus found = file.status();
        if (!found.isRegular() && found.type() != FileStatus.Type.BLOCK_DEVICE) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            real,
                            "it is " + found.type().words() + ", not a regular file or a block device")
                    .advise("Give the file or the device that the image lies on.");
        }
    }

    /** Opens an image that was found. */
    static ImageChannels open(LinuxFile found, Path real, Access access) throws StateferryException {
        try {
            return of(found.reopen(access), access);
        } catch (IOException e) {
            throw missing(real, e);
        }
    }

    private static ImageChannels of(LinuxFile linux, Access access) throws IOException {
        try {
            FileChannel channel = access == Access.READ
                    ? linux.channel(StandardOpenOption.READ)
                    : linux.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
            return new ImageChannels(linux, channel);
        } catch (IOException | RuntimeException | Error e) {
            linux.close();
            throw e;
        }
    }

    /** Whether it is a block device. */
    boolean isDevice(Path path) throws StateferryException {
        try {
            return linux.status().type() == FileStatus.Type.BLOCK_DEVICE;
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "looking at the file");
        }
    }

    /** Takes the name of a file away that nobody will fill, unless it leads to another file by now. */
    void removeAfter(Path path, Throwable failure) {
        try {
            if (Files.exists(path) && FileIdentity.of(path).key().equals(key())) {
                Files.delete(path);
            }
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    /** Why an image cannot be opened. */
    static StateferryException missing(Path path, IOException e) {
        if (e instanceof NoSuchFileException) {
            return StateferryException.in(FailureKind.IMAGE_MISSING, path, "no such image");
        }
        if (e instanceof AccessDeniedException) {
            return StateferryException.in(
                            FailureKind.IMAGE_MISSING, path, "the image cannot be opened: permission denied")
                    .advise("Run as a user who may read and write the image.");
        }
        return StateferryException.in(
                        FailureKind.IMAGE_MISSING, path, "the image cannot be opened: " + FileFailures.reason(e))
                .causedBy(e);
    }

    /** Closes what a failure leaves behind; what goes wrong then is added to the failure. */
    void closeAfter(@Nullable Throwable failure) {
        linux.close();
        try {
            channel.close();
        } catch (IOException e) {
            if (failure != null) {
                failure.addSuppressed(e);
            }
        }
    }
}
