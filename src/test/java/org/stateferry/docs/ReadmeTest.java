package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.stateferry.cli.DocumentedCommands;

class ReadmeTest {
    private static final int LENGTH_MAX = 120;

    private final Markdown readme = Markdown.read(Path.of("README.md"));

    @Test
    void itIsShortEnoughToBeRead() {
        assertThat(readme.lines()).hasSizeLessThanOrEqualTo(LENGTH_MAX);
        assertThat(readme.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(LENGTH_MAX));
    }

    @Test
    void itNamesEveryExitCode() {
        String codes = String.join(
                " ",
                readme.lines().stream()
                        .dropWhile(line -> !line.startsWith("Exit codes in short"))
                        .takeWhile(line -> !line.isBlank())
                        .toList());
        List<String> named = Pattern.compile("\\d+")
                .matcher(codes)
                .results()
                .map(match -> match.group())
                .toList();
        assertThat(named)
                .containsExactlyElementsOf(DocumentedCommands.exitCodes().keySet());
    }
}
