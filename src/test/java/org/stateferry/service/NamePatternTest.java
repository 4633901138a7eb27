package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Instant;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NamePatternTest {
    private static final Instant MODIFIED = Instant.parse("2026-11-22T23:05:09Z");

    @ParameterizedTest
    @CsvSource({
        "nightly-{yyyyMMdd-HHmmss}, nightly-20261122-230509",
        "{yyyy}/{DDD} a$1, 2026/326 a$1",
        "constant, constant"
    })
    void placesTheDumpsTimeInUtc(String pattern, String expected) {
        assertThat(NamePattern.parse(pattern).nameFor(MODIFIED)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{yyyy",
                "yyyy}",
                "{{yyyy}}",
                "{nonsense}",
                "{}",
                " ",
                "{ypyyMMdd-HHmmss}", // a ClassCastException in the JDK
                "{pH}", // a name until nine in the morning
                "{[yyyy]}",
                "{VVV}",
                "a\0b"
            })
    void refusesWhatGivesNoName(String pattern) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NamePattern.parse(pattern))
                .satisfies(refusal -> assertThat(refusal.getMessage()).doesNotContain("java."));
    }

    @Test
    void refusesANameThatNoImageTakes() {
        assertThat(NamePattern.parse("{yyyy}" + "é".repeat(124)).nameFor(MODIFIED))
                .endsWith("é");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NamePattern.parse("{yyyy}" + "é".repeat(126)))
                .withMessageContaining("256 bytes");
    }

    /** Whatever is written between braces is refused when it is read, or gives a name for every time a file can have. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void aPatternThatIsReadNamesEveryDump(long seed) {
        Random random = new Random(seed);
        int read = 0;
        for (int i = 0; i < 5000; i++) {
            String text = "{" + letters(random) + "}";
            NamePattern pattern;
            try {
                pattern = NamePattern.parse(text);
            } catch (IllegalArgumentException e) {
                continue;
            }
            read++;
            Instant modified =
                    Instant.ofEpochSecond(random.nextLong() % 4_000_000_000_000L, random.nextInt(1_000_000_000));
            assertThatCode(() -> pattern.nameFor(modified))
                    .as("%s at %s, seed %d", text, modified, seed)
                    .doesNotThrowAnyException();
        }
        assertThat(read).isGreaterThan(100);
    }

    private static String letters(Random random) {
        String all = "GuyDMLdQqYwWEecFaBhKkHmsSAnNVvzOXxZp[]'.-_ g";
        StringBuilder pattern = new StringBuilder();
        for (int run = random.nextInt(5); run >= 0; run--) {
            pattern.append(
                    String.valueOf(all.charAt(random.nextInt(all.length()))).repeat(1 + random.nextInt(5)));
        }
        return pattern.toString();
    }
}
