package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.WritersElsewhere.Writer;
import org.stateferry.testing.HoldingProcess;
import org.stateferry.testing.OpenFiles;

/** Who has a file open for writing is found in {@code /proc}, whether he locks it or not. */
@EnabledOnOs(OS.LINUX)
class WritersElsewhereTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void makeAFile() throws IOException {
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")), "this system lists no descriptors");
        file = Files.write(folder.resolve("file"), new byte[10]);
    }

    private List<Writer> writers() throws IOException {
        try (LinuxFile found = LinuxFile.locate(file, Links.STAY)) {
            return WritersElsewhere.of(found);
        }
    }

    @Test
    void namesTheProcess() throws Exception {
        try (HoldingProcess reading = HoldingProcess.start(file, "<")) {
            assertThat(writers()).as("beside " + reading.pid()).isEmpty();
            for (String redirection : List.of("<>", ">>")) {
                try (HoldingProcess writing = HoldingProcess.start(file, redirection)) {
                    assertThat(writers()).containsExactly(new Writer(writing.pid(), "sh"));
                    assertThat(writers().get(0)).hasToString("sh (pid " + writing.pid() + ")");
                }
                assertThat(writers()).isEmpty();
            }
        }
    }

    @Test
    void findsItUnderAnotherNameOrNone() throws Exception {
        Path second = Files.createLink(folder.resolve("second"), file);
        try (HoldingProcess writing = HoldingProcess.start(second);
                HoldingProcess elsewhere = HoldingProcess.start(folder.resolve("other"))) {
            Files.delete(second);
            assertThat(writers())
                    .as("and not " + elsewhere.pid())
                    .extracting(Writer::pid)
                    .containsExactly(writing.pid());
        }
    }

    @Test
    void leavesOutThisProcess() throws Exception {
        try (LinuxFile own = OpenFiles.regular(file, Links.STAY, Access.WRITE)) {
            assertThat(WritersElsewhere.of(own)).isEmpty();
        }
    }

    @Test
    void needsNoDescriptor() throws Exception {
        try (HoldingProcess writing = HoldingProcess.start(file);
                LinuxFile found = LinuxFile.withoutDescriptor(file, Links.STAY)) {
            assertThat(WritersElsewhere.of(found)).extracting(Writer::pid).containsExactly(writing.pid());
        }
    }
}
