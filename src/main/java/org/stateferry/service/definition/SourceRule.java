package org.stateferry.service.definition;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.importer.FileRoots;

/**
 * Where a definition's dumps come from: one file, or all files of a folder whose names match.
 *
 * @param path the file or folder
 * @param isFolder which of the two
 * @param include patterns of which a file's name in the folder must match one ({@link NameGlob});
 *     names that begin with a dot never match: such files are not complete
 * @param settledFor so long a file must have been left alone before it is imported
 */
public record SourceRule(Path path, boolean isFolder, List<String> include, Duration settledFor) {
    /** No more files of a folder are looked at. */
    static final int FILES_MAX = 100_000;

    private static final Duration SETTLED_FOR = Duration.ofSeconds(10);

    public SourceRule {
        include = List.copyOf(include);
    }

    /**
     * Reads {@code dump} or {@code source}, of which exactly one must be given.
     *
     * @param roots where the file or folder must lie
     * @return null, beside a mistake, if it is not valid
     */
    public static @Nullable SourceRule read(DefinitionFields fields, FileRoots roots) {
        List<String> given = fields.given("dump", "source.file", "source.folder");
        Path path = null;
        for (String key : given) {
            path = fields.require(key, text -> FieldValues.path(text, roots));
        }
        Duration settledFor = fields.read("source.settled-for", SETTLED_FOR, FieldValues::delay);
        List<String> include = fields.readAll("source.include", SourceRule::requirePattern);
        if (given.size() > 1) {
            fields.mistake("only one of 'dump', 'source.file' and 'source.folder' is expected");
        } else if (given.isEmpty() && !fields.isSpoiled("dump")) {
            fields.mistake("'dump' is missing, or one of 'source.file' and 'source.folder'");
        } else if (!include.isEmpty() && !given.contains("source.folder")) {
            fields.mistake("'source.include' is for a 'source.folder'");
        }
        if (path == null) {
            return null;
        }
        return switch (given.get(0)) {
            case "dump" -> file(path);
            case "source.file" -> new SourceRule(path, false, List.of(), settledFor);
            default -> new SourceRule(path, true, include.isEmpty() ? List.of("*") : include, settledFor);
        };
    }

    /** One file, which is imported as soon as it is there. */
    public static SourceRule file(Path path) {
        return new SourceRule(path, false, List.of(), Duration.ZERO);
    }

    /**
     * Requires that a text is a pattern for file names.
     *
     * @throws IllegalArgumentException if not
     */
    public static String requirePattern(String pattern) {
        if (pattern.isBlank() || pattern.indexOf('/') >= 0) {
            throw new IllegalArgumentException("'" + pattern + "' is not a pattern for the name of a file");
        }
        new NameGlob(pattern); // throws an IllegalArgumentException
        return pattern;
    }

    /**
     * The files that there are now, in the order of their names; of a folder only the regular files.
     *
     * @throws IOException if the folder cannot be read
     */
    public List<Path> files() throws IOException {
        if (!isFolder) {
            return Files.exists(path) ? List.of(path) : List.of();
        }
        List<NameGlob> patterns = include.stream().map(NameGlob::new).toList();
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (!name.startsWith(".")
                        && patterns.stream().anyMatch(pattern -> pattern.matches(name))
                        && Files.isRegularFile(entry)) {
                    files.add(entry);
                }
                if (files.size() == FILES_MAX) {
                    break;
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        files.sort(null);
        return files;
    }

    /** The folder that the dumps are in. */
    Path folder() {
        return isFolder ? path : Objects.requireNonNull(path.toAbsolutePath().getParent());
    }

    /** Whether a file of that name in the folder is a dump. */
    boolean takes(Path name) {
        return isFolder
                ? !name.toString().startsWith(".")
                        && include.stream().anyMatch(pattern -> new NameGlob(pattern).matches(name.toString()))
                : name.equals(path.getFileName());
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
