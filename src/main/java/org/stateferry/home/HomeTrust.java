package org.stateferry.home;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.TrustedFolder;
import org.stateferry.host.TrustedFolder.Objection;

/**
 * Makes sure that only this user (or root) can change a home. First everything is looked at, and what others may have
 * put there or could change is refused; only then is what they can merely read closed to them. In the other order a
 * second start would trust what the first one refused.
 */
final class HomeTrust {
    /** The folders of a home. */
    private static final List<String> PARTS = List.of("repository", "journal", "log", "imports", "stop");

    private HomeTrust() {}

    /**
     * Makes the home if it is missing, and its folders.
     *
     * @param folder its absolute path
     * @return its path without symbolic links
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION} if others can write to it, or could
     * @throws IOException if it cannot be made, looked at, or closed to others
     */
    static Path establish(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            TrustedFolder.makePrivate(makeParents(folder).resolve(folder.getFileName()));
        }
        Path real = folder.toRealPath();
        refuse(TrustedFolder.objection(real));
        boolean reachable = isReachable(real);
        refuse(TrustedFolder.objectionToContent(real, reachable));
        for (String part : PARTS) {
            refusePart(real.resolve(part), reachable);
        }
        TrustedFolder.makePrivate(real);
        if (reachable) {
            renewLock(real.resolve(StateferryHome.OWNER_LOCK), real.resolve(StateferryHome.OWNER));
        }
        TrustedFolder.closeContent(real);
        for (String part : PARTS) {
            TrustedFolder.makePrivate(real.resolve(part));
            TrustedFolder.closeContent(real.resolve(part));
        }
        return real;
    }

    /**
     * Whoever could open the lock file until now may hold a lock on it for ever, so another file takes its place, unless a
     * process of ours owns the repository. Two that start at this very moment could both own it then, but not both open the
     * database.
     */
    private static void renewLock(Path lock, Path owner) throws IOException {
        try {
            FileStatus status = FileStatus.of(lock, LinkOption.NOFOLLOW_LINKS);
            if (status.isOpenToOthers() && RepositoryOwner.read(owner).isEmpty()) {
                PrivateFile.replace(lock, new byte[0]);
            }
        } catch (NoSuchFileException e) {
            // There was no owner yet.
        }
    }

    /** The folder above, without symbolic links; nothing is made in one that others can exchange. */
    private static Path makeParents(Path folder) throws IOException {
        Path parent = Objects.requireNonNull(folder.getParent(), "the root is there");
        if (!Files.isDirectory(parent)) {
            Path missing = makeParents(parent).resolve(parent.getFileName());
            try {
                TrustedFolder.makeReadable(missing);
            } catch (FileAlreadyExistsException e) {
                if (!Files.isDirectory(missing)) {
                    throw new FileSystemException(missing.toString(), null, "is not a folder");
                }
            }
        }
        Path real = parent.toRealPath();
        refuse(TrustedFolder.objectionToParent(real));
        return real;
    }

    private static void refusePart(Path part, boolean reachable) throws IOException {
        try {
            if (FileStatus.of(part, LinkOption.NOFOLLOW_LINKS).type() == FileStatus.Type.DIRECTORY) {
                refuse(TrustedFolder.objectionToContent(part, reachable && isReachable(part)));
            }
        } catch (NoSuchFileException e) {
            // It is made below.
        }
    }

    private static boolean isReachable(Path folder) throws IOException {
        return FileStatus.of(folder, LinkOption.NOFOLLOW_LINKS).isOpenToOthers();
    }

    private static void refuse(Optional<Objection> objection) throws StateferryException {
        if (objection.isPresent()) {
            Objection found = objection.get();
            String other = "name another home in " + StateferryHome.VARIABLE;
            throw StateferryException.in(
                            FailureKind.CONFIGURATION,
                            found.path(),
                            found.problem() + ", so nothing in Stateferry's home can be trusted")
                    .advise(
                            found.remedy().isEmpty()
                                    ? "Name another home in " + StateferryHome.VARIABLE + "."
                                    : found.remedy() + ", or " + other + ".");
        }
    }
}
