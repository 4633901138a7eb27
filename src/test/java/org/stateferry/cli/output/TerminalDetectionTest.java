package org.stateferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TerminalDetectionTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({"/dev/pts/3, true", "/dev/tty1, true", "/dev/console, true", "/dev/null, false", "/tmp/err.log, false"})
    void theNameBehindTheDescriptorTells(String device, boolean terminal) {
        assertThat(TerminalDetection.isTerminal(device)).isEqualTo(terminal);
    }

    @Test
    void followsTheLink() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("2"), directory.resolve("err.log"));

        assertThat(TerminalDetection.leadsToTerminal(link)).isFalse();
    }

    @Test
    void withoutALinkItIsNoTerminal() {
        assertThat(TerminalDetection.leadsToTerminal(directory.resolve("absent")))
                .isFalse();
    }
}
