package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

/** Settings and the like: a bounded number of bytes from a regular file, or a refusal. */
@EnabledOnOs(OS.LINUX)
@Timeout(600)
class SmallFileTest {
    @TempDir
    Path folder;

    @Test
    void isReadAsAWhole() throws Exception {
        Path file = Files.write(folder.resolve("file"), new byte[] {1, 2, 3});
        Path link = Files.createSymbolicLink(folder.resolve("link"), file);
        assertThat(SmallFile.read(file, Links.STAY, 3)).containsExactly(1, 2, 3);
        assertThat(SmallFile.read(link, Links.FOLLOW, 100)).containsExactly(1, 2, 3);
        assertThat(SmallFile.read(Files.createFile(folder.resolve("empty")), Links.STAY, 3))
                .isEmpty();
        assertThatThrownBy(() -> SmallFile.read(link, Links.STAY, 3)).hasMessageContaining("it is a symbolic link");
        assertThatThrownBy(() -> SmallFile.read(folder.resolve("none"), Links.STAY, 3))
                .isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void isRefusedIfItIsLongerThanItMayBe() throws Exception {
        Path file = Files.write(folder.resolve("file"), new byte[4]);
        assertThatThrownBy(() -> SmallFile.read(file, Links.STAY, 3))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(file + ": it is longer than 3 bytes");
        // It says that it has no bytes at all.
        assertThatThrownBy(() -> SmallFile.read(Path.of("/proc/self/maps"), Links.STAY, 100))
                .hasMessageContaining("longer than 100 bytes");
    }

    @Test
    void nothingElseIsWaitedForOrRead() {
        assumeTrue(QemuTools.isOnPath("mkfifo"), "mkfifo is not installed");
        Path fifo = folder.resolve("fifo");
        RunningCommand.run(Duration.ofSeconds(30), List.of("mkfifo", fifo.toString()))
                .requireSuccess();
        assertThatThrownBy(() -> SmallFile.read(fifo, Links.FOLLOW, 100)).hasMessageContaining("it is a FIFO");
        assertThatThrownBy(() -> SmallFile.read(Path.of("/dev/zero"), Links.FOLLOW, 100))
                .hasMessageContaining("it is a character device");
        assertThatThrownBy(() -> SmallFile.read(folder, Links.FOLLOW, 100)).hasMessageContaining("it is a directory");
    }
}
