package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RunningCommand;

/** What a process has open leads others to the same. */
@EnabledOnOs(OS.LINUX)
class DescriptorPathTest {
    @TempDir
    Path folder;

    private static String seenByAnother(Path path) throws Exception {
        CommandResult seen = RunningCommand.run(Duration.ofSeconds(10), List.of("cat", path.toString()));
        assertThat(seen.exitCode()).isZero();
        return seen.stdout();
    }

    private static Path descriptor(LinuxFile file) {
        return Path.of("/dev/fd").resolve(Integer.toString(file.descriptor()));
    }

    @Test
    void anOpenFileIsNamedByWhereItLies() throws Exception {
        Path file = Files.writeString(folder.resolve("dump"), "content").toRealPath();
        try (LinuxFile open = LinuxFile.locate(file, LinuxFile.Links.STAY).reopen(LinuxFile.Access.READ)) {
            Path link = Files.createSymbolicLink(folder.resolve("link"), descriptor(open));

            assertThat(DescriptorPath.forOthers(descriptor(open))).isEqualTo(file);
            assertThat(DescriptorPath.forOthers(link)).isEqualTo(file);
        }
    }

    @Test
    void anOpenFileThatHasNoNameAnyMoreIsReadAllTheSame() throws Exception {
        Path file = Files.writeString(folder.resolve("dump"), "content");
        try (LinuxFile open = LinuxFile.locate(file, LinuxFile.Links.STAY).reopen(LinuxFile.Access.READ)) {
            Files.delete(file);
            Files.writeString(Path.of(file + " (deleted)"), "something else");

            assertThat(seenByAnother(DescriptorPath.forOthers(descriptor(open))))
                    .isEqualTo("content");
        }
    }

    @Test
    void whatComesThroughAPipeComesThroughItForOthers() throws Exception {
        Process writer = new ProcessBuilder("sh", "-c", "echo content; sleep 60")
                .redirectInput(ProcessBuilder.Redirect.PIPE)
                .start();
        try {
            Path ofWriter = Path.of("/proc", Long.toString(writer.pid()), "fd", "1");
            Path mine = null;
            for (Path own : Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
                if (Files.exists(own)
                        && FileStatus.of(own)
                                .key()
                                .equals(FileStatus.of(ofWriter).key())) {
                    mine = Path.of("/dev/fd").resolve(own.getFileName());
                }
            }
            assertThat(mine).isNotNull();

            Path forOthers = DescriptorPath.forOthers(mine);

            CommandResult seen =
                    RunningCommand.run(Duration.ofSeconds(10), List.of("head", "-n1", forOthers.toString()));
            assertThat(seen.stdout()).isEqualTo("content\n");
        } finally {
            writer.destroyForcibly();
        }
    }

    @Test
    void anyOtherPathStaysAsItIs() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("dump"));
        Files.writeString(folder.resolve("dump"), "content", StandardOpenOption.CREATE);

        assertThat(DescriptorPath.forOthers(link)).isEqualTo(link);
        assertThat(DescriptorPath.forOthers(Path.of("missing/dump")))
                .isEqualTo(Path.of("missing/dump").toAbsolutePath());
        assertThat(DescriptorPath.forOthers(Path.of("/"))).isEqualTo(Path.of("/"));
    }
}
