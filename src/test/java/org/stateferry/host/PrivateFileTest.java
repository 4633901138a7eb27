package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Files that nobody but their owner may read, whatever somebody else has put in their place. */
@EnabledOnOs(OS.LINUX)
class PrivateFileTest {
    @TempDir
    Path folder;

    private Path file;
    private Path elsewhere;

    @BeforeEach
    void makeAVictim() throws IOException {
        file = folder.resolve("file");
        elsewhere = Files.writeString(folder.resolve("elsewhere"), "victim");
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void isMadeForItsOwnerAlone() throws Exception {
        try (LinuxFile made = PrivateFile.openOrCreate(file);
                FileChannel channel = made.channel(StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            assertThat(channel.tryLock()).isNotNull();
        }
        assertThat(mode(file)).isEqualTo("rw-------");
    }

    @Test
    void keepsItsContentAndIsClosedToOthers() throws Exception {
        Files.writeString(file, "content");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));
        PrivateFile.openOrCreate(file).close();
        assertThat(mode(file)).isEqualTo("rw-------");
        assertThat(file).hasContent("content");
    }

    @Test
    void isNotReachedThroughALink() throws Exception {
        Files.createSymbolicLink(file, elsewhere);
        assertThatThrownBy(() -> PrivateFile.openOrCreate(file))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("it is a symbolic link");
        Files.delete(file);
        Files.createSymbolicLink(file, folder.resolve("none"));
        assertThatThrownBy(() -> PrivateFile.openOrCreate(file)).hasMessageContaining("it is a symbolic link");
        Files.delete(file);
        Files.createDirectory(file);
        assertThatThrownBy(() -> PrivateFile.openOrCreate(file)).hasMessageContaining("it is a directory");
        assertThat(folder.resolve("none")).doesNotExist();
    }

    @Test
    void isNotSomebodyElses() throws Exception {
        assumeTrue(HostUser.id() == 0, "only root may give a file to another user");
        Files.writeString(file, "planted");
        Files.setAttribute(file, "unix:uid", 65534);
        assertThatThrownBy(() -> PrivateFile.openOrCreate(file))
                .hasMessageContaining("belongs to another user (65534)");
    }

    @Test
    void isReplacedAsAWhole() throws Exception {
        for (String content : new String[] {"first", "second", ""}) {
            PrivateFile.replace(file, bytes(content));
            assertThat(file).hasContent(content);
            assertThat(mode(file)).isEqualTo("rw-------");
        }
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactlyInAnyOrder(file, elsewhere);
        }
    }

    @Test
    void replacesALinkAndNotWhatItLeadsTo() throws Exception {
        Files.createSymbolicLink(file, elsewhere);
        Files.createSymbolicLink(folder.resolve("file.tmp"), elsewhere);
        PrivateFile.replace(file, bytes("content"));
        assertThat(file).isRegularFile().hasContent("content");
        assertThat(elsewhere).hasContent("victim");
    }

    @Test
    void leavesNothingBehindThatCannotBeReplaced() throws Exception {
        Files.createDirectory(file);
        Files.createFile(file.resolve("inside"));
        assertThatThrownBy(() -> PrivateFile.replace(file, bytes("content"))).isInstanceOf(IOException.class);
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactlyInAnyOrder(file, elsewhere);
        }
    }
}
