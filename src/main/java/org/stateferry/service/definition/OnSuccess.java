package org.stateferry.service.definition;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.importer.FileRoots;
import org.stateferry.storage.FileFailures;

/**
 * What to do with a dump after its import has succeeded.
 *
 * @param action what is done
 * @param folder where to {@link Action#MOVE}; null otherwise
 */
public record OnSuccess(Action action, @Nullable Path folder) {
    /** The dump stays. */
    public static final OnSuccess KEEP = new OnSuccess(Action.KEEP, null);

    private static final String ASIDE = ".stateferry-";

    /** What can be done with a dump. */
    public enum Action {
        /** It stays where it is. */
        KEEP,
        /** It goes to a folder of the same file system; a file that is there already is never replaced. */
        MOVE,
        /** It is deleted. */
        DELETE
    }

    /**
     * Reads {@code on-success}.
     *
     * @param roots where the folder must lie
     * @param verified whether imports read back what they wrote, without which no dump is deleted
     */
    public static OnSuccess read(DefinitionFields fields, FileRoots roots, boolean verified) {
        Action action =
                fields.read("on-success.action", Action.KEEP, text -> FieldValues.constant(Action.values(), text));
        if (action == Action.MOVE) {
            return new OnSuccess(action, fields.require("on-success.folder", text -> FieldValues.path(text, roots)));
        }
        if (action == Action.DELETE && !verified) {
            fields.mistake("'on-success.action': delete needs 'options.verify: true'");
        }
        return new OnSuccess(action, null);
    }

    /** Whether the dump stays. */
    public boolean keeps() {
        return action == Action.KEEP;
    }

    /**
     * Moves or deletes the dump, unless its path leads to another file by now.
     *
     * @param dump the dump
     * @param imported what was proven to be in the image
     * @param roots where the dump must lie, and the folder that it goes to
     * @return whether it was done; false if the file is another one, which is left alone
     * @throws IOException if the dump cannot be moved or deleted; it is then where it was
     */
    public boolean apply(Path dump, FileMark imported, FileRoots roots) throws IOException {
        if (keeps()) {
            return true;
        }
        Path name = dump.getFileName();
        // Both folders by descriptors, so that their paths cannot be made to lead elsewhere.
        try (LinuxFile from =
                        folder(Objects.requireNonNull(dump.toAbsolutePath().getParent()), roots);
                LinuxFile to = folder == null ? null : folder(folder, roots)) {
            return apply(from, name.toString(), imported, to == null ? null : to.entry(name.toString()));
        } catch (FileSystemException e) { // which names a descriptor
            Path about = folder == null ? dump : folder.resolve(name);
            throw new FileSystemException(about.toString(), null, FileFailures.reason(e));
        }
    }

    private static LinuxFile folder(Path path, FileRoots roots) throws IOException {
        LinuxFile found = LinuxFile.locate(path, Links.FOLLOW);
        try {
            roots.require(found, path);
            return found;
        } catch (IOException | RuntimeException e) {
            found.close();
            throw e;
        }
    }

    /**
     * Gives the dumps back their names that a process has renamed which ended within {@link #apply}; else nobody would find them. They
     * are known to be imported, so the next firing applies the rule again.
     *
     * @param source which dumps
     * @throws IOException if a dump cannot have its name back, because another file has it for instance
     */
    public void undoUnfinished(SourceRule source, FileRoots roots) throws IOException {
        if (keeps()) {
            return;
        }
        Path folder = source.folder();
        try (LinuxFile from = folder(folder, roots);
                DirectoryStream<Path> entries = Files.newDirectoryStream(from.entry("."), ASIDE + "*")) {
            for (Path aside : entries) {
                String name = aside.getFileName().toString().substring(ASIDE.length());
                if (source.takes(Path.of(name))) {
                    rename(aside, from.entry(name));
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        } catch (FileSystemException e) { // which names a descriptor
            throw new FileSystemException(folder.toString(), null, FileFailures.reason(e));
        }
    }

    /** @param target null if the dump is to be deleted */
    private static boolean apply(LinuxFile from, String name, FileMark imported, @Nullable Path target)
            throws IOException {
        Path dump = from.entry(name);
        if (!FileMark.of(dump).hasContentOf(imported)) {
            return false;
        }
        // First to a name of our own, so that a new file of the old name is never deleted.
        Path aside = from.entry(ASIDE + name);
        rename(dump, aside);
        try {
            if (!FileMark.of(aside).hasContentOf(imported)) {
                rename(aside, dump);
                return false;
            }
            if (target == null) {
                Files.delete(aside);
            } else {
                rename(aside, target);
            }
            return true;
        } catch (IOException e) {
            if (Files.exists(aside)) {
                rename(aside, dump);
            }
            throw e;
        }
    }

    /**
     * Never replaces a file: a hard link, unlike a rename, fails if the name is taken. If it is taken by the same file, a process
     * ended between the two steps, and the second is done now.
     */
    private static void rename(Path from, Path to) throws IOException {
        try {
            Files.createLink(to, from);
        } catch (FileAlreadyExistsException e) {
            if (Files.isSameFile(from, to)) {
                Files.delete(from);
                return;
            }
            throw new FileSystemException(to.toString(), null, "there is such a file already");
        } catch (UnsupportedOperationException | FileSystemException e) {
            if (Files.exists(to)) {
                throw new FileSystemException(to.toString(), null, "there is such a file already");
            }
            // A file system without hard links, or one that refuses them for this file; never a copy to another one.
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
            return;
        }
        Files.delete(from);
    }
}
