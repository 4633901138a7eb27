package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.testing.Flipping;
import org.stateferry.testing.OpenFiles;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

/** What a path leads to is found out without waiting for it, and what was looked at is what is opened. */
@EnabledOnOs(OS.LINUX)
@Timeout(600)
class SafeOpeningTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void makeAFile() throws IOException {
        assumeTrue(LinuxFile.isSupported(), "this system has no safe way to open files");
        file = Files.writeString(folder.resolve("file"), "content");
    }

    private Path makeFifo(String name) {
        assumeTrue(QemuTools.isOnPath("mkfifo"), "mkfifo is not installed");
        Path fifo = folder.resolve(name);
        RunningCommand.run(Duration.ofSeconds(30), List.of("mkfifo", fifo.toString()))
                .requireSuccess();
        return fifo;
    }

    private static String read(FileChannel channel) throws IOException {
        try (channel) {
            ByteBuffer bytes = ByteBuffer.allocate(100);
            channel.read(bytes, 0);
            return new String(bytes.array(), 0, bytes.position(), java.nio.charset.StandardCharsets.US_ASCII);
        }
    }

    @Test
    void tellsWhatAFileIs() throws Exception {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        Files.createLink(folder.resolve("second"), file);
        try (LinuxFile found = LinuxFile.locate(file, Links.STAY)) {
            FileStatus status = found.status();
            assertThat(status.type()).isEqualTo(FileStatus.Type.REGULAR);
            assertThat(status.size()).isEqualTo(7);
            assertThat(status.permissions()).isEqualTo(0640);
            assertThat(status.links()).isEqualTo(2);
            assertThat(status.owner()).isEqualTo(Files.getAttribute(file, "unix:uid"));
            assertThat(status.group()).isEqualTo(Files.getAttribute(file, "unix:gid"));
            assertThat(status.modified())
                    .isEqualTo(Files.getLastModifiedTime(file).toInstant());
            assertThat(status.key()).isEqualTo(found.key());
        }
    }

    @Test
    void tellsWhatIsNoFile() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), file);
        assertType(folder, Links.STAY, FileStatus.Type.DIRECTORY);
        assertType(Path.of("/dev/zero"), Links.STAY, FileStatus.Type.CHARACTER_DEVICE);
        assertType(makeFifo("fifo"), Links.STAY, FileStatus.Type.FIFO);
        assertType(link, Links.STAY, FileStatus.Type.SYMBOLIC_LINK);
        assertType(link, Links.FOLLOW, FileStatus.Type.REGULAR);
        Path toFolder = Files.createSymbolicLink(folder.resolve("to-folder"), folder);
        assertType(toFolder, Links.STAY, FileStatus.Type.SYMBOLIC_LINK);
    }

    private static void assertType(Path path, Links links, FileStatus.Type type) throws IOException {
        try (LinuxFile found = LinuxFile.locate(path, links)) {
            assertThat(found.status().type()).as(path.toString()).isEqualTo(type);
        }
    }

    @Test
    void opensOnlyRegularFiles() {
        Path fifo = makeFifo("fifo");
        for (Access access : Access.values()) {
            assertThatThrownBy(() -> OpenFiles.regular(fifo, Links.STAY, access))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessage(fifo + ": it is a FIFO, not a regular file");
        }
        assertThatThrownBy(() -> OpenFiles.regular(Path.of("/dev/zero"), Links.FOLLOW, Access.READ))
                .hasMessageContaining("a character device");
        assertThatThrownBy(() -> OpenFiles.regular(folder.resolve("none"), Links.STAY, Access.READ))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessage(folder.resolve("none").toString());
        assertThatThrownBy(() -> OpenFiles.regular(file.resolve("below"), Links.STAY, Access.READ))
                .isInstanceOfSatisfying(
                        FileSystemException.class,
                        failure -> assertThat(failure.getReason()).isEqualTo("Not a directory"));
    }

    @Test
    void opensWhatWasFoundWhereverThePathLeadsByThen() throws Exception {
        try (LinuxFile found = LinuxFile.locate(file, Links.STAY)) {
            Files.move(file, folder.resolve("moved"));
            Files.writeString(file, "another");

            assertThat(read(found.channel(StandardOpenOption.READ))).isEqualTo("content");
            try (LinuxFile again = found.reopen(Access.WRITE)) {
                assertThat(again.key()).isEqualTo(found.key());
                assertThat(read(again.channel(StandardOpenOption.READ))).isEqualTo("content");
            }
            Files.delete(folder.resolve("moved"));
            assertThat(read(found.channel(StandardOpenOption.READ))).isEqualTo("content");
        }
    }

    /** By name of the file, not of a descriptor that nobody has heard of. */
    @Test
    void saysOfWhichFileItCannotBeOpened() throws Exception {
        assumeTrue(!System.getProperty("user.name").equals("root"), "root may open every file");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
        try (LinuxFile found = LinuxFile.locate(file, Links.STAY)) {
            assertThatThrownBy(() -> found.reopen(Access.READ))
                    .isInstanceOf(AccessDeniedException.class)
                    .hasMessage(file.toString());
            assertThatThrownBy(() -> found.channel(StandardOpenOption.READ))
                    .isInstanceOf(AccessDeniedException.class)
                    .hasMessage(file.toString());
        }
    }

    /** As its folder's owner may do, who waits for somebody to look at the one and open the other. */
    @Test
    void neverHangsOnAFifoThatTakesTheFilesPlace() throws Exception {
        Path fifo = makeFifo("fifo");
        Path path = folder.resolve("flipping");
        int opened = 0;
        int refused = 0;
        try (Flipping flipping = Flipping.between(file, fifo, path)) {
            for (int at = 0; at < 200_000 && (opened < 500 || refused < 500); at++) {
                try (LinuxFile regular = OpenFiles.regular(path, Links.STAY, Access.READ)) {
                    assertThat(read(regular.channel(StandardOpenOption.READ))).isEqualTo("content");
                    opened++;
                } catch (FileSystemException e) {
                    assertThat(e).hasMessageContaining("FIFO");
                    refused++;
                }
            }
            assertThat(opened).as(flipping.toString()).isGreaterThanOrEqualTo(500);
            assertThat(refused).isGreaterThanOrEqualTo(500);
        }
    }

    @Test
    void makesAFileThatNobodyElseHasPutThere() throws Exception {
        Path made = folder.resolve("made");
        try (LinuxFile linux = LinuxFile.create(made, 0600);
                FileChannel channel = linux.channel(StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {'x'}));
            assertThat(linux.status().permissions()).isEqualTo(0600);
        }
        assertThat(made).hasContent("x");
        assertThatThrownBy(() -> LinuxFile.create(made, 0600)).isInstanceOf(FileAlreadyExistsException.class);

        Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), folder.resolve("nowhere"));
        assertThatThrownBy(() -> LinuxFile.create(dangling, 0600)).isInstanceOf(FileAlreadyExistsException.class);
        assertThat(folder.resolve("nowhere")).doesNotExist();
    }

    @Test
    void withoutADescriptorItNoticesAnExchangeAsWellAsItCan() throws Exception {
        try (LinuxFile found = LinuxFile.withoutDescriptor(file, Links.STAY)) {
            assertThat(read(found.channel(StandardOpenOption.READ))).isEqualTo("content");
            found.reopen(Access.WRITE).close();
            assertThat(found.locks().arePossible()).isFalse();

            Files.move(file, folder.resolve("moved"));
            Files.writeString(file, "another");
            assertThatThrownBy(() -> found.channel(StandardOpenOption.READ)).hasMessageContaining("replaced");
            Files.delete(file);
            Files.createSymbolicLink(file, folder.resolve("moved"));
            assertThatThrownBy(() -> found.channel(StandardOpenOption.READ)).isInstanceOf(IOException.class);
        }
    }
}
