package org.stateferry.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.service.definition.DefinitionMistake;
import org.stateferry.service.definition.FileMark;

/**
 * The definitions in a folder, which are read again when their files change. Of a file that is no longer valid the last good
 * definition stays, and the mistakes are logged, once for each change.
 *
 * <p>Used by one thread at a time.
 */
final class DefinitionFolder {
    private static final Logger LOG = LoggerFactory.getLogger(DefinitionFolder.class);

    private final Path folder;
    private final UnaryOperator<String> settings;
    private final FileRoots roots;
    private Map<Path, Known> known = new LinkedHashMap<>();
    private Object problemBefore = List.of();

    /**
     * A file as it was when it was read.
     *
     * @param mark null if it could not be looked at
     * @param definition the last good one, if there ever was one
     */
    private record Known(@Nullable FileMark mark, @Nullable JobDefinition definition) {}

    /**
     * @param folder the folder; its files are read by {@link #read}
     * @param settings puts settings in the place of what stands for them in a text, or throws an
     *     {@link IllegalArgumentException}
     * @param roots where all files must lie that definitions name
     */
    DefinitionFolder(Path folder, UnaryOperator<String> settings, FileRoots roots) {
        this.folder = folder;
        this.settings = settings;
        this.roots = roots;
    }

    /**
     * Reads all files for the first time.
     *
     * @throws StateferryException that tells all mistakes of all files, if there are any
     */
    List<JobDefinition> read() throws StateferryException {
        List<DefinitionMistake> mistakes = new ArrayList<>();
        known = readChanged(files(mistakes), mistakes);
        if (!mistakes.isEmpty()) {
            throw DefinitionMistake.failure(mistakes);
        }
        return definitions();
    }

    /**
     * Looks at the files, and reads those that have changed.
     *
     * @return all definitions, if any of them is another one now, or has gone; those that are not are the same objects
     */
    Optional<List<JobDefinition>> readChanges() {
        List<DefinitionMistake> mistakes = new ArrayList<>();
        Map<Path, Known> before = known;
        try {
            List<Path> files = files(mistakes);
            tell(List.copyOf(mistakes), mistakes);
            if (isUnchanged(files)) {
                return Optional.empty();
            }
            mistakes.clear();
            known = readChanged(files, mistakes);
            mistakes.forEach(DefinitionFolder::tell);
        } catch (StateferryException e) {
            tell(e.problem(), List.of(new DefinitionMistake(folder, e.problem(), e.advice())));
            return Optional.empty();
        }
        return before.values().equals(known.values()) ? Optional.empty() : Optional.of(definitions());
    }

    /** Mistakes of the folder itself are found at each look, and told when they are new. */
    private void tell(Object problem, List<DefinitionMistake> mistakes) {
        if (!problem.equals(problemBefore)) {
            mistakes.forEach(DefinitionFolder::tell);
        }
        problemBefore = problem;
    }

    private static void tell(DefinitionMistake mistake) {
        LOG.error("{}: {}; what was read before stays as it is", mistake.file(), mistake.problem());
    }

    /**
     * The files that describe jobs, ordered by name; of two for one job only the first.
     *
     * @param mistakes gets those that the others are
     * @throws StateferryException if the folder is none, or cannot be listed
     */
    private List<Path> files(List<DefinitionMistake> mistakes) throws StateferryException {
        if (!Files.isDirectory(folder)) {
            throw StateferryException.in(
                            FailureKind.CONFIGURATION, folder.toAbsolutePath(), "not a directory of job definitions")
                    .advise("start in the directory that holds jobs/, or set the property stateferry.jobs");
        }
        Map<String, Path> jobs = new LinkedHashMap<>();
        for (Path file : sortedFiles()) {
            String job = JobDefinitionReader.job(file);
            Path other = jobs.putIfAbsent(job, file);
            if (other != null) {
                mistakes.add(new DefinitionMistake(
                        file,
                        "describes the job \"" + job + "\", as does " + other.getFileName(),
                        "Keep one of the two files."));
            }
        }
        return List.copyOf(jobs.values());
    }

    private List<Path> sortedFiles() throws StateferryException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(JobDefinitionReader::isDefinition).sorted().toList();
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.CONFIGURATION, folder, "cannot be listed")
                    .causedBy(e);
        }
    }

    private boolean isUnchanged(List<Path> files) {
        return known.keySet().equals(Set.copyOf(files))
                && files.stream().allMatch(file -> Objects.equals(mark(file), mark(known.get(file))));
    }

    private static @Nullable FileMark mark(@Nullable Known file) {
        return file == null ? null : file.mark;
    }

    private Map<Path, Known> readChanged(List<Path> files, List<DefinitionMistake> mistakes) {
        Map<Path, Known> now = new LinkedHashMap<>();
        for (Path file : files) {
            Known before = known.get(file);
            FileMark mark = mark(file); // before it is read: a change meanwhile makes it be read once more
            if (before != null && Objects.equals(mark, before.mark)) {
                now.put(file, before);
                continue;
            }
            JobDefinition last = before == null ? null : before.definition;
            now.put(
                    file,
                    new Known(
                            mark,
                            JobDefinitionReader.read(file, settings, roots, mistakes)
                                    .orElse(last)));
        }
        return now;
    }

    private static @Nullable FileMark mark(Path file) {
        try {
            return FileMark.of(file);
        } catch (IOException e) {
            return null;
        }
    }

    private List<JobDefinition> definitions() {
        return known.values().stream()
                .map(Known::definition)
                .filter(Objects::nonNull)
                .collect(Collectors.toUnmodifiableList());
    }
}
