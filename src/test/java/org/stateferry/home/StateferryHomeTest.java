package org.stateferry.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import org.stateferry.host.FileStatus;
import org.stateferry.host.Umask;

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

    /** The way to it is no secret: who has an image below one of them must get there. */
    @Test
    void foldersAboveANewHomeHaveTheUsersOwnModeWhateverTheProcessMakesElse() throws Exception {
        StateferryHome.open(folder.resolve("a/b/home"));

        for (String made : List.of("a", "a/b")) {
            assertThat(FileStatus.of(folder.resolve(made)).permissions())
                    .as(made)
                    .isEqualTo(0755 & ~Umask.atStart());
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
                    .containsExactlyInAnyOrder("imports", "installation-id", "journal", "log", "repository", "stop");
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

    private static void chmod(Path path, String permissions) throws IOException {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    private static void assertRefused(Path home, Path blamed, String problem) {
        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> StateferryHome.open(home))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.CONFIGURATION))
                .satisfies(e -> assertThat(e.file()).isEqualTo(blamed))
                .satisfies(e -> assertThat(e.problem()).startsWith(problem))
                .satisfies(e -> assertThat(e.advice()).contains("STATEFERRY_HOME"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwxrwxrwx", "rwxrwx---", "rwx----w-"})
    void aHomeThatOthersCanWriteToIsRefusedAndNothingIsMadeInIt(String permissions) throws Exception {
        Path real = folder.toRealPath();
        Path elsewhere = Files.writeString(Files.createTempFile("victim", null), "victim");
        Files.createSymbolicLink(folder.resolve("owner.tmp"), elsewhere);
        chmod(folder, permissions);

        assertRefused(folder, real, "may be written to by ");
        assertRefused(folder.resolve("below/home"), real, "may be written to by ");

        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactly(folder.resolve("owner.tmp"));
        }
        assertThat(elsewhere).hasContent("victim");
        chmod(folder, "rwx------");
        assertRefused(folder, real.resolve("owner.tmp"), "is a symbolic link");
        Files.delete(folder.resolve("owner.tmp"));
        StateferryHome.open(folder);
        Files.delete(elsewhere);
    }

    @Test
    void aHomeThatOthersCouldLookIntoIsClosedToThem() throws Exception {
        Path settings = Files.writeString(StateferryHome.open(folder).settingsFile(), "a=b");
        chmod(folder, "rwxr-xr-x");
        chmod(folder.resolve("journal"), "rwxr-xr-x");
        Path journal = Files.createFile(folder.resolve("journal/x.journal"));
        for (Path file : List.of(settings, journal, folder.resolve("installation-id"))) {
            chmod(file, "rw-r--r--");
        }

        StateferryHome.open(folder);

        assertThat(mode(folder)).isEqualTo("rwx------");
        assertThat(mode(folder.resolve("journal"))).isEqualTo("rwx------");
        for (Path file : List.of(settings, journal, folder.resolve("installation-id"))) {
            assertThat(mode(file)).as(file.toString()).isEqualTo("rw-------");
        }
    }

    @Test
    void aFileThatOthersCouldChangeIsNotObeyedAtASecondStartEither() throws Exception {
        Path settings = Files.writeString(StateferryHome.open(folder).settingsFile(), "a=b");
        chmod(folder, "rwxr-xr-x");
        chmod(settings, "rw-rw-rw-");

        for (int start = 0; start < 2; start++) {
            assertRefused(folder, settings, "could be changed by everybody (mode 666)");
        }

        chmod(settings, "rw-r--r--");
        StateferryHome.open(folder);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "stateferry.properties",
                "status.json",
                "owner.lock",
                "log/stateferry.log",
                "repository/stateferry.mv.db",
                "journal/x.journal",
                "stop/1"
            })
    void aLinkInTheHomeIsNotFollowed(String name) throws Exception {
        StateferryHome.open(folder);
        Path link = Files.createSymbolicLink(folder.resolve(name), Path.of("elsewhere"));

        assertRefused(folder, link, "is a symbolic link, which is not followed here");
    }

    @ParameterizedTest
    @ValueSource(strings = {"stateferry.properties", "repository/stateferry.mv.db", "repository"})
    void whatAnotherUserHasMadeInTheHomeIsRefused(String name) throws Exception {
        assumeTrue(Files.getAttribute(folder, "unix:uid").equals(0), "only root may give a file to another user");
        StateferryHome.open(folder);
        Path file = folder.resolve(name);
        if (!Files.exists(file)) {
            Files.createFile(file);
        }
        Files.setAttribute(file, "unix:uid", 65534);

        assertRefused(folder, file, "belongs to another user (65534)");
    }

    @Test
    void anInstallationIdWithoutEndIsNotRead() throws Exception {
        StateferryHome.open(folder);
        Files.write(folder.resolve("installation-id"), new byte[100_000]);

        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> StateferryHome.open(folder))
                .withMessageContaining("it is longer than 4096 bytes");
    }

    /** In a home that was open, somebody may hold a lock on the old file for ever. */
    @Test
    void aLockFileThatOthersCouldOpenIsReplacedUnlessTheRepositoryIsOwned() throws Exception {
        StateferryHome home = StateferryHome.open(folder);
        RepositoryOwner self = RepositoryOwner.thisProcess(List.of("test"), false);
        Path lock = home.ownerLockFile();
        try (RepositoryOwnership owner =
                RepositoryOwnership.tryAcquire(home, self).orElseThrow()) {
            Object owned = key(lock);
            openToOthers(lock);
            StateferryHome.open(folder);
            assertThat(key(lock)).isEqualTo(owned);
            assertThat(mode(lock)).isEqualTo("rw-------");
            owner.close();
        }
        Path before = Files.createLink(folder.resolve("before"), lock); // so that its inode is not used again
        StateferryHome.open(folder);
        assertThat(key(lock)).as("nobody could open it").isEqualTo(key(before));

        openToOthers(lock);
        StateferryHome.open(folder);

        assertThat(key(lock)).isNotEqualTo(key(before));
        assertThat(mode(lock)).isEqualTo("rw-------");
        RepositoryOwnership.tryAcquire(home, self).orElseThrow().close();
    }

    private void openToOthers(Path lock) throws IOException {
        chmod(folder, "rwxr-xr-x");
        chmod(lock, "rw-r--r--");
    }

    private static Object key(Path file) throws IOException {
        return Files.getAttribute(file, "unix:ino");
    }
}
