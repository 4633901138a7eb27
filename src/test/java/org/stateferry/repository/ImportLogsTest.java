package org.stateferry.repository;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.home.StateferryHome;

class ImportLogsTest {
    @TempDir
    Path folder;

    private StateferryHome home;
    private ImportLogs logs;

    @BeforeEach
    void open() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        logs = new ImportLogs(home);
    }

    @Test
    void linesStayInTheirOrderAndForgeNoneOfTheirOwn() throws Exception {
        logs.add(7, List.of("first", "second \u001b[2J\nforged \u202e"));
        logs.add(7, List.of("third"));

        assertThat(logs.read(7).lines()).containsExactly("first", "second \\x1b[2J forged \\u202e", "third");
        assertThat(logs.read(8)).isEmpty();
        assertThat(logs.end(8, 100)).isEmpty();
        assertThat(Files.getPosixFilePermissions(home.importLogFolder().resolve("7.log")))
                .hasSize(2);
    }

    @Test
    void theEndIsWholeLinesOfAtMostSoManyBytes() {
        logs.add(7, List.of("ä".repeat(30), "b".repeat(30), "c".repeat(30)));

        assertThat(logs.end(7, 70)).isEqualTo("b".repeat(30) + "\n" + "c".repeat(30) + "\n");
        assertThat(logs.end(7, 31)).isEqualTo("c".repeat(30) + "\n");
        assertThat(logs.end(7, 30)).isEmpty();
        assertThat(logs.end(7, 10_000)).startsWith("ä");
    }

    @Test
    void oneThatIsFullLosesItsOlderHalf() throws Exception {
        String line = "x".repeat(1000);
        int count = 2 * ImportLogs.SIZE_MAX / 1000;
        for (int number = 0; number < count; number++) {
            logs.add(7, List.of(number + line));
            assertThat(Files.size(home.importLogFolder().resolve("7.log"))).isLessThanOrEqualTo(ImportLogs.SIZE_MAX);
        }

        List<String> lines = logs.read(7).lines().toList();
        assertThat(lines).last().isEqualTo(count - 1 + line);
        assertThat(lines).allMatch(one -> one.endsWith(line)).hasSizeGreaterThan(60);
    }

    @Test
    void thereAreNeverMoreThanAThousandAndTheOldestGoFirst() throws Exception {
        for (int id = 1; id <= ImportLogs.FILES_MAX; id++) {
            Path file = Files.createFile(home.importLogFolder().resolve(id + ".log"));
            Files.setLastModifiedTime(file, FileTime.from(Instant.ofEpochSecond(1_000_000 - id)));
        }
        logs.add(5000, List.of("new"));

        try (Stream<Path> files = Files.list(home.importLogFolder())) {
            assertThat(files).hasSize(ImportLogs.FILES_MAX);
        }
        assertThat(home.importLogFolder().resolve("1000.log")).doesNotExist();
        assertThat(home.importLogFolder().resolve("1.log")).exists();

        logs.forget(5000);
        assertThat(logs.read(5000)).isEmpty();
    }
}
