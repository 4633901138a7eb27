package org.stateferry.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

class StateferryHomeTest {
    @TempDir
    Path folder;

    @Test
    void thePropertyPrecedesTheVariableAndTheUsersHome() throws Exception {
        assertThat(StateferryHome.locate("/property", "/variable", "/users/me")).isEqualTo(Path.of("/property"));
        assertThat(StateferryHome.locate(null, "/variable", "/users/me")).isEqualTo(Path.of("/variable"));
        assertThat(StateferryHome.locate("", " ", "/users/me")).isEqualTo(Path.of("/users/me/.stateferry"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"?", ""})
    void aUserWithoutAHomeIsToldToNameAFolder(String userHome) {
        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> StateferryHome.locate(null, null, userHome))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.CONFIGURATION))
                .satisfies(e -> assertThat(e.advice()).contains("STATEFERRY_HOME"));
    }

    @Test
    void onlyTheOwnerMayLookIntoANewHome() throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("a/b/home"));

        for (Path made : List.of(home.folder(), home.folder().resolve("repository"), home.journalFolder())) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
                    .isEqualTo("rwx------");
        }
    }

    @Test
    void theInstallationIdSurvives() throws Exception {
        String first = StateferryHome.open(folder).installationId();

        assertThat(StateferryHome.open(folder).installationId()).isEqualTo(first);
    }

    @Test
    void homesOpenedAtOnceAgreeOnTheInstallationId() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            Callable<String> open = () -> StateferryHome.open(folder).installationId();
            Set<String> ids = threads.invokeAll(Collections.nCopies(8, open)).stream()
                    .map(StateferryHomeTest::result)
                    .collect(Collectors.toSet());

            assertThat(ids).hasSize(1);
        } finally {
            threads.shutdownNow();
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(Path::getFileName).map(Path::toString))
                    .containsExactlyInAnyOrder("installation-id", "journal", "log", "repository", "stop");
        }
    }

    private static String result(Future<String> future) {
        try {
            return future.get();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aFileInTheHomesPlaceIsNamedWithAdvice() throws IOException {
        Path file = Files.createFile(folder.resolve("home"));

        assertUnusable(file, file);
        assertUnusable(file.resolve("below"), file);
    }

    @Test
    void aFolderThatCannotBeMadeIsNamedWithAdvice() {
        assertUnusable(Path.of("/proc/stateferry"), Path.of("/proc/stateferry"));
    }

    private static void assertUnusable(Path home, Path blamed) {
        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> StateferryHome.open(home))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.REPOSITORY))
                .satisfies(e -> assertThat(e.file()).isEqualTo(blamed))
                .satisfies(e -> assertThat(e.advice()).contains("STATEFERRY_HOME"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "not a UUID", "00000000-0000-0000-0000-0000000000001234567"})
    void aDamagedInstallationIdIsReportedNotReplaced(String text) throws Exception {
        StateferryHome.open(folder);
        Files.writeString(folder.resolve("installation-id"), text);

        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> StateferryHome.open(folder))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.REPOSITORY))
                .withMessageContaining("installation-id");
        assertThat(folder.resolve("installation-id")).hasContent(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a;b", "a,b", "a${b}", "100%", "a\\b"})
    void aHomeThatNoSettingCanNameIsRefused(String name) {
        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> StateferryHome.open(folder.resolve(name)))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.CONFIGURATION));
    }
}
