package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.AccessLists;
import org.stateferry.testing.RunningCommand;

/** What a file system tells of a file may be more than a clock can. */
@EnabledOnOs(OS.LINUX)
class FileStatusTest {
    /** A file system in memory keeps 64 bits of seconds. */
    private static final Path MEMORY = Path.of("/dev/shm");

    @ParameterizedTest
    @ValueSource(strings = {"500000-01-01", "@9223372036854775807", "@-9223372036854775808", "@9000000000000000"})
    void aTimeCanAlwaysBeCountedInMilliseconds(String time) throws Exception {
        assumeTrue(Files.isWritable(MEMORY), "there is no file system in memory");
        Path file = Files.createTempFile(MEMORY, "stateferry", ".test");
        try {
            assumeTrue(
                    RunningCommand.run(Duration.ofSeconds(10), List.of("touch", "-d", time, file.toString()))
                                    .exitCode()
                            == 0,
                    "touch knows no such time");
            Instant modified = FileStatus.of(file).modified();
            boolean later = !time.contains("@-");
            assertThat(modified.plusSeconds(2).isAfter(Instant.now())).isEqualTo(later);
            assertThat(modified.toEpochMilli() > 0).isEqualTo(later);
        } finally {
            Files.delete(file);
        }
    }

    @Test
    void theStartOfTheMachineHasANumber() throws Exception {
        assertThat(HostBoot.id())
                .isEqualTo(HostBoot.read(Path.of("/proc/sys/kernel/random/boot_id")))
                .isNotZero();
        assertThat(HostBoot.read(Path.of("/no/such/file"))).isZero();
        assertThat(HostBoot.read(Path.of("/proc/self/stat"))).isZero();
    }

    @Test
    void aListOfWhoMayDoWhatIsSeen(@TempDir Path folder) throws Exception {
        Path plain = Files.createFile(folder.resolve("plain"));
        Path listed = Files.createFile(folder.resolve("listed"));
        assumeTrue(AccessLists.set(listed), "the file system has no access control lists");

        assertThat(FileStatus.of(plain).hasAcl()).isFalse();
        assertThat(FileStatus.of(listed).hasAcl()).isTrue();
        try (LinuxFile found = LinuxFile.locate(listed, LinuxFile.Links.STAY)) {
            assertThat(found.status().hasAcl()).isTrue();
        }
    }
}
