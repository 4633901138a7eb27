package org.stateferry.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** Opens and makes the files of images for {@link OpenImages}, and says in its words why one cannot be opened. */
final class ImageChannels {
    private ImageChannels() {}

    /**
     * Makes an empty file.
     *
     * @throws StateferryException with kind IMAGE_IN_USE if it is there by now, NO_SPACE, or IMAGE_MISSING
     */
    static FileChannel createNew(Path path) throws StateferryException {
        try {
            return FileChannel.open(
                    path, Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW));
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

    /** Takes the name of a file away that nobody will fill, unless it leads to another file by now. */
    static void removeAfter(Path path, @Nullable String key, Throwable failure) {
        try {
            if (key != null && Files.exists(path) && FileIdentity.of(path).key().equals(key)) {
                Files.delete(path);
            }
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    /** Opens a file that is there. */
    static FileChannel open(Path real, OpenOption... options) throws StateferryException {
        try {
            return FileChannel.open(real, Set.of(options));
        } catch (IOException e) {
            throw missing(real, e);
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
        return StateferryException.in(FailureKind.IMAGE_MISSING, path, "the image cannot be opened: " + e.getMessage())
                .causedBy(e);
    }

    /** Closes what a failure leaves behind; what goes wrong then is added to the failure. */
    static void closeAfter(FileChannel channel, Throwable failure) {
        try {
            channel.close();
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }
}
