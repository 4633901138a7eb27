package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
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
        assertObjection(folder, folder + " may be written to by ");
        assertObjection(make(folder.resolve("below"), "rwx------"), folder + " may be written to by ");
    }

    private static void assertObjection(Path folder, String words) throws IOException {
        assertThat(TrustedFolder.objection(folder))
                .hasValueSatisfying(
                        objection -> assertThat(objection).asString().startsWith(words));
    }

    /** As the folder for temporary files: what is in it can be trusted, but not its own content. */
    @Test
    void mayLieInAStickyOneButNotBeSuch() throws Exception {
        Files.setAttribute(folder, "unix:mode", 01777);
        assertObjection(folder, folder + " may be written to by everybody (mode 1777)");
        assertThat(TrustedFolder.objectionToParent(folder)).isEmpty();
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
    void oneOfAnotherUserIsLeftAsItIsAndRefused() throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        giveToAnother(folder);
        assertThatThrownBy(() -> TrustedFolder.makePrivate(folder))
                .hasMessageContaining("is open to others (mode 755) and cannot be closed to them");
        assertThat(mode(folder)).isEqualTo("rwxr-xr-x");
    }

    @Test
    void theRemedyIsACommandThatHelps() throws Exception {
        Path odd = make(folder.resolve("it's odd"), "rwxrwxrwx");
        String remedy = TrustedFolder.objection(odd).orElseThrow().remedy();
        String command = remedy.substring(remedy.indexOf('(') + 1, remedy.lastIndexOf(')'));
        assertThat(command).startsWith("chmod go-w ");
        assertThat(new ProcessBuilder("sh", "-c", command).start().waitFor()).isZero();
        assertThat(TrustedFolder.objection(odd)).isEmpty();
    }

    @Test
    void theContentIsTheUsersOwnAndNoLink() throws Exception {
        Path file = Files.createFile(folder.resolve("file"));
        assertThat(TrustedFolder.objectionToContent(folder, true)).isEmpty();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));
        assertThat(TrustedFolder.objectionToContent(folder, false)).isEmpty();
        assertThat(TrustedFolder.objectionToContent(folder, true).orElseThrow())
                .hasToString(file + " could be changed by the group " + Files.getAttribute(file, "unix:gid")
                        + " (mode 664)");
        TrustedFolder.closeContent(folder);
        assertThat(mode(file)).isEqualTo("rw-------");
        assertThat(TrustedFolder.objectionToContent(folder, true)).isEmpty();

        Path link = Files.createSymbolicLink(folder.resolve("link"), temporary);
        assertThat(TrustedFolder.objectionToContent(folder, false).orElseThrow())
                .hasToString(link + " is a symbolic link, which is not followed here");
        Files.delete(link);
        giveToAnother(file);
        assertThat(TrustedFolder.objectionToContent(folder, false).orElseThrow())
                .hasToString(file + " belongs to another user (" + NOBODY + ")");
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
