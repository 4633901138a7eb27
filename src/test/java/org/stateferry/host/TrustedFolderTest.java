package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders in which nobody else can put, exchange or take away anything. */
@EnabledOnOs(OS.LINUX)
class TrustedFolderTest {
    private static final int NOBODY = 65534;

    @TempDir
    Path temporary;

    private Path folder;

    @BeforeEach
    void makeAFolder() throws IOException {
        temporary = temporary.toRealPath();
        folder = make(temporary.resolve("folder"), "rwx------");
        assertThat(TrustedFolder.objection(temporary)).as("where the tests run").isEmpty();
    }

    private static Path make(Path path, String mode) throws IOException {
        Files.createDirectory(path);
        return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
    }

    private static void giveToAnother(Path path) throws IOException {
        assumeTrue(HostUser.id() == 0, "only root may give a file to another user");
        Files.setAttribute(path, "unix:uid", NOBODY);
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwx------", "rwxr-xr-x", "r-x------"})
    void areThoseThatOthersMayNotWriteTo(String mode) throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(mode));
        assertThat(TrustedFolder.objection(folder)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwxrwx---", "rwx----w-", "rwxrwxrwx"})
    void areNotThoseThatOthersMayWriteTo(String mode) throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(mode));
        assertObjection(folder, folder + " is writable by others");
        assertObjection(make(folder.resolve("below"), "rwx------"), folder + " is writable by others");
    }

    private static void assertObjection(Path folder, String words) throws IOException {
        Optional<String> objection = TrustedFolder.objection(folder);
        assertThat(objection).isPresent();
        assertThat(objection.get()).startsWith(words);
    }

    /** As the folder for temporary files: what is in it can be trusted, but not its own content. */
    @Test
    void mayLieInAStickyOneButNotBeSuch() throws Exception {
        Files.setAttribute(folder, "unix:mode", 01777);
        assertObjection(folder, folder + " is writable by others (mode 1777)");
        assertThat(TrustedFolder.objection(make(folder.resolve("below"), "rwx------")))
                .isEmpty();
    }

    @Test
    void areNotThoseOfOtherUsersNorBelowSuch() throws Exception {
        Path below = make(folder.resolve("below"), "rwx------");
        giveToAnother(folder);
        assertObjection(folder, folder + " belongs to another user (" + NOBODY + ")");
        assertObjection(below, folder + " belongs to another user");
    }

    @Test
    void areNoFilesAndNoLinks() throws Exception {
        Path file = Files.createFile(folder.resolve("file"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder);
        assertObjection(file, file + " is a regular file");
        assertObjection(link, link + " is a symbolic link");
        assertThatThrownBy(() -> TrustedFolder.objection(folder.resolve("none")))
                .isInstanceOf(IOException.class);
    }

    @Test
    void aPrivateOneIsMadeForItsOwnerAlone() throws Exception {
        Path made = folder.resolve("made");
        TrustedFolder.makePrivate(made);
        assertThat(mode(made)).isEqualTo("rwx------");
    }

    @Test
    void oneThatOthersMayLookIntoIsClosedToThem() throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        TrustedFolder.makePrivate(folder);
        assertThat(mode(folder)).isEqualTo("rwx------");
        TrustedFolder.makePrivate(folder);
        assertThat(mode(folder)).isEqualTo("rwx------");
    }

    @Test
    void oneOfAnotherUserIsLeftAsItIs() throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        giveToAnother(folder);
        TrustedFolder.makePrivate(folder);
        assertThat(mode(folder)).isEqualTo("rwxr-xr-x");
    }

    @Test
    void aLinkInItsPlaceIsNotFollowed() throws Exception {
        Path elsewhere = make(temporary.resolve("elsewhere"), "rwxr-xr-x");
        Path link = Files.createSymbolicLink(folder.resolve("link"), elsewhere);
        Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), temporary.resolve("none"));
        for (Path path : new Path[] {link, dangling}) {
            assertThatThrownBy(() -> TrustedFolder.makePrivate(path))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageContaining("is a symbolic link, not a directory");
        }
        assertThat(mode(elsewhere)).isEqualTo("rwxr-xr-x");
        assertThat(temporary.resolve("none")).doesNotExist();
    }
}
