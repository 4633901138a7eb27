package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.home.StateferryHome;

/** What a service knows of the time before its start. */
class KeptInTheHomeTest {
    @TempDir
    Path folder;

    private StateferryHome home;

    @BeforeEach
    void write() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
    }

    @Test
    void aPauseOutlivesTheService() {
        DefinitionStates states = new DefinitionStates(home);
        states.pause("a", true);
        states.fired("a", Instant.parse("2026-11-20T12:00:00Z"));
        states.fired("b", Instant.parse("2026-11-20T13:00:00Z"));

        DefinitionStates later = new DefinitionStates(home);
        assertThat(later.isPaused("a")).isTrue();
        assertThat(later.isPaused("b")).isFalse();
        assertThat(later.fired("a")).contains(Instant.parse("2026-11-20T12:00:00Z"));
        later.pause("a", false);
        later.pauseAll(true);

        DefinitionStates last = new DefinitionStates(home);
        assertThat(last.isPaused("new")).isTrue();
        last.pauseAll(false);
        assertThat(new DefinitionStates(home).isPaused("a")).isFalse();
        assertThat(new DefinitionStates(home).fired("c")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "{", "[]", "null", "{\"entries\": null}", "{\"entries\": [null]}", "{\"definitions\": 7}"})
    void aDamagedFileIsBegunAnew(String damaged) throws Exception {
        Files.writeString(home.definitionsFile(), damaged);

        assertThat(new DefinitionStates(home).isPaused("a")).isFalse();
        new DefinitionStates(home).pause("a", true);
        assertThat(new DefinitionStates(home).isPaused("a")).isTrue();
    }
}
