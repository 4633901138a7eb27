package org.stateferry.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

class FileFailuresTest {
    private static final Path FILE = Path.of("/images/disk.qcow2");

    private static StateferryException translate(IOException failure) {
        return FileFailures.translate(failure, FILE, 512, "write of 8 bytes");
    }

    /** The texts for ENOSPC, EDQUOT and EFBIG. */
    @ParameterizedTest
    @ValueSource(strings = {"No space left on device", "Disk quota exceeded", "File too large"})
    void tellsThatThereIsNoSpace(String text) {
        IOException plain = new IOException(text);
        IOException withPath = new FileSystemException(FILE.toString(), null, text);

        for (IOException failure : new IOException[] {plain, withPath}) {
            StateferryException translated = translate(failure);
            assertThat(translated.kind()).isEqualTo(FailureKind.NO_SPACE);
            assertThat(translated.offset()).isEqualTo(512);
            assertThat(translated.problem()).isEqualTo("write of 8 bytes failed: " + text);
            assertThat(translated.advice()).isNotEmpty();
            assertThat(translated).hasCause(failure);
        }
    }

    @Test
    void takesAllElseForAnInputOutputError() {
        StateferryException translated = translate(new IOException("Input/output error"));

        assertThat(translated.kind()).isEqualTo(FailureKind.IO);
        assertThat(translated).hasMessage(FILE + " at byte 512: write of 8 bytes failed: Input/output error");
    }

    @Test
    void saysInWordsWhatJavaSaysByATypeOnly() {
        assertThat(translate(new NoSuchFileException(FILE.toString())).problem())
                .endsWith("failed: no such file");
        assertThat(translate(new AccessDeniedException(FILE.toString())).problem())
                .endsWith("failed: permission denied");
        assertThat(translate(new IOException()).problem()).endsWith("failed: IOException");
    }

    @Test
    void blamesAClosedFileOnUs() {
        assertThat(translate(new ClosedChannelException()).kind()).isEqualTo(FailureKind.INTERNAL);
    }

    @Test
    void leavesAFailureThatIsTranslatedAlready() {
        StateferryException known = StateferryException.of(FailureKind.CONFLICT, "known");

        assertThat(translate(known)).isSameAs(known);
    }
}
