package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Instant;
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
    @ValueSource(strings = {"{yyyy", "yyyy}", "{{yyyy}}", "{nonsense}", "{}", " "})
    void refusesWhatGivesNoName(String pattern) {
        assertThatIllegalArgumentException().isThrownBy(() -> NamePattern.parse(pattern));
    }
}
