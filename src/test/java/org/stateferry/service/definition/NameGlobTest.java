package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.Random;
import java.util.regex.PatternSyntaxException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class NameGlobTest {
    private static final String[] PIECES = {
        "*",
        "*",
        "?",
        "a",
        "b",
        ".",
        "-",
        ",",
        "}",
        "{a,b}",
        "{a*,bb,}",
        "{a,[ab]?}",
        "[ab]",
        "[!a]",
        "[a-c]",
        "[-b]",
        "[!-b]",
        "[^a]",
        "\\*",
        "\\a",
        "[a-]",
        "[*?]",
        "[\\a]",
        "é",
        "**"
    };

    static LongStream seeds() {
        return LongStream.range(0, 20);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void aNameMatchesIfItDoesForTheJdk(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            String pattern = text(random, PIECES, 6);
            PathMatcher theirs;
            try {
                theirs = FileSystems.getDefault().getPathMatcher("glob:" + pattern);
            } catch (PatternSyntaxException e) {
                assertThatIllegalArgumentException().isThrownBy(() -> new NameGlob(pattern));
                continue;
            }
            NameGlob ours = new NameGlob(pattern);
            for (int names = 0; names < 20; names++) {
                String name =
                        "x" + text(random, new String[] {"a", "b", "c", "-", ".", "*", "^", ",", "}", "\\", "é"}, 6);
                for (String each : new String[] {name, name.substring(1)}) {
                    assertThat(ours.matches(each))
                            .as("%s and %s", pattern, each)
                            .isEqualTo(theirs.matches(Path.of(each)));
                }
            }
        }
    }

    private static String text(Random random, String[] pieces, int most) {
        StringBuilder text = new StringBuilder();
        for (int count = random.nextInt(most) + 1; count > 0; count--) {
            text.append(pieces[random.nextInt(pieces.length)]);
        }
        return text.toString();
    }

    @Test
    void aNameMadeToTakeLongTakesNoLonger() {
        String name = "-".repeat(250);

        assertThat(new NameGlob("*-".repeat(40) + "*.save").matches(name)).isFalse();
        assertThat(new NameGlob("*-".repeat(40) + "*").matches(name)).isTrue();
    }

    @Test
    void noPatternNeedsMoreStackThanThereIs() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new NameGlob("*?".repeat(30_000)))
                .withMessage("a pattern of 60000 characters is longer than 1024");
        assertThat(new NameGlob("*".repeat(1024)).matches("a".repeat(255))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"[a", "{a", "{a,{b}}", "a\\", "[z-a]"})
    void whatIsNoPatternIsRefused(String pattern) {
        assertThatIllegalArgumentException().isThrownBy(() -> new NameGlob(pattern));
    }
}
