package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
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
    private Path dump;
    private Path image;

    @BeforeEach
    void write() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        dump = Files.writeString(folder.resolve("dump"), "state");
        image = Files.writeString(folder.resolve("image"), "disk");
    }

    private void remember() throws Exception {
        new RememberedImports(home).add(dump, FileMark.of(dump), "wanted", List.of(image), "done");
    }

    private boolean isKnown(String wanted) throws Exception {
        return new RememberedImports(home)
                .find(dump, FileMark.of(dump), wanted)
                .filter("done"::equals)
                .isPresent();
    }

    @Test
    void whatIsDoneIsKnownAfterARestart() throws Exception {
        assertThat(isKnown("wanted")).isFalse();
        remember();

        assertThat(isKnown("wanted")).isTrue();
        assertThat(isKnown("something else")).isFalse();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(home.rememberedFile())))
                .isEqualTo("rw-------");
    }

    @Test
    void aChangedDumpOrImageIsLookedAtAgain() throws Exception {
        remember();
        Files.writeString(image, "disk, and more");
        assertThat(isKnown("wanted")).isFalse();

        remember();
        assertThat(isKnown("wanted")).isTrue();
        Files.writeString(dump, "another state");
        assertThat(isKnown("wanted")).isFalse();

        remember();
        Files.delete(image);
        assertThat(isKnown("wanted")).isFalse();
    }

    @Test
    void aDumpThatChangedDuringItsImportIsNotRemembered() throws Exception {
        FileMark before = FileMark.of(dump);
        Files.writeString(dump, "another state");
        new RememberedImports(home).add(dump, before, "wanted", List.of(image), "done");

        assertThat(isKnown("wanted")).isFalse();
    }

    @Test
    void theOldestAreForgotten() throws Exception {
        RememberedImports remembered = new RememberedImports(home, 2);
        FileMark mark = FileMark.of(dump);
        for (String wanted : List.of("a", "b", "a", "c")) {
            remembered.add(dump, mark, wanted, List.of(), "done");
        }

        assertThat(isKnown("a")).isTrue();
        assertThat(isKnown("b")).isFalse();
        assertThat(isKnown("c")).isTrue();
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
        assertThat(last.areAllPaused()).isTrue();
        assertThat(last.isPaused("new")).isTrue();
        last.pauseAll(false);
        assertThat(new DefinitionStates(home).isPaused("a")).isFalse();
        assertThat(new DefinitionStates(home).fired("c")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "{", "[]", "null", "{\"entries\": null}", "{\"entries\": [null]}", "{\"definitions\": 7}"})
    void aDamagedFileIsBegunAnew(String damaged) throws Exception {
        Files.writeString(home.rememberedFile(), damaged);
        Files.writeString(home.definitionsFile(), damaged);

        assertThat(isKnown("wanted")).isFalse();
        assertThat(new DefinitionStates(home).isPaused("a")).isFalse();
        remember();
        assertThat(isKnown("wanted")).isTrue();
    }
}
