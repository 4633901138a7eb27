package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UmaskTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"0000, 0", "0022, 18", "0077, 63"})
    void isReadFromTheKernel(String line, int umask) throws Exception {
        Path status = Files.writeString(folder.resolve("status"), "Name:\tjava\nUmask:\t" + line + "\nState:\tR\n");
        assertThat(Umask.read(status)).isEqualTo(umask);
    }

    @Test
    void isTheUsualOneWhereTheKernelDoesNotTell() throws Exception {
        assertThat(Umask.read(Files.writeString(folder.resolve("status"), "Name:\tjava\n")))
                .isEqualTo(022);
        assertThat(Umask.read(folder.resolve("none"))).isEqualTo(022);
    }

    @Test
    void isClosedToOthersAsSoonAsThereIsTheCall() throws Exception {
        assumeTrue(Libc.isAvailable(), "there is no such call");
        Path made = Files.createFile(folder.resolve("made"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
                .isEqualTo("rw-------");
    }
}
