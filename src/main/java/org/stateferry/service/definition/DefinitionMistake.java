package org.stateferry.service.definition;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * One mistake in a definition, with its place.
 *
 * @param file the definition's file, or the folder of the definitions
 * @param problem what is wrong, with the line and the field if it is in one
 * @param advice what to do about it
 */
public record DefinitionMistake(
        Path file, String problem, @Nullable String advice) {
    public static final String CORRECT_IT = "correct the definition and start the service again";

    /** The failure that tells of several; there is at least one. */
    public static StateferryException failure(List<DefinitionMistake> mistakes) {
        DefinitionMistake first = mistakes.get(0);
        if (mistakes.size() == 1) {
            return StateferryException.in(FailureKind.CONFIGURATION, first.file, first.problem)
                    .advise(first.advice == null ? CORRECT_IT : first.advice);
        }
        boolean one = mistakes.stream().allMatch(mistake -> mistake.file.equals(first.file));
        String all = mistakes.stream()
                .map(mistake -> (one ? "" : mistake.file.getFileName() + ": ") + mistake.problem)
                .collect(Collectors.joining("; "));
        Path where = one
                ? first.file
                : Objects.requireNonNull(first.file.toAbsolutePath().getParent());
        return StateferryException.in(FailureKind.CONFIGURATION, where, mistakes.size() + " mistakes: " + all)
                .advise("correct them and start the service again");
    }
}
