package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.Charset;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Everything works without these calls, only slower: so only this tells that they are missing. */
@EnabledOnOs(
        value = OS.LINUX,
        architectures = {"amd64", "aarch64"})
class LibcTest {
    @Test
    void theFunctionsCanBeCalled() {
        assertThat(Libc.isAvailable()).isTrue();
    }

    @Test
    void whatTheyNeedIsUnpackedWhereTheJvmPutsTemporaryFiles() {
        Libc.isAvailable();

        assertThat(System.getProperty("jna.tmpdir")).isEqualTo(System.getProperty("java.io.tmpdir"));
    }

    @Test
    void noProgramIsRunToFindThem() {
        Libc.isAvailable();

        assertThat(System.getProperty("jna.platform.library.path")).isEmpty();
    }

    @Test
    void aFullDiskIsKnownByTheSystemsOwnWords() {
        for (int error : new int[] {27, 28, 122}) {
            assertThat(SystemTexts.isNoSpace(Libc.strerror(error))).isTrue();
        }
        assertThat(SystemTexts.isNoSpace(Libc.strerror(5))).isFalse();
    }

    /** The same as Java's own, whatever the locale is: they must mean the same file. */
    @Test
    void aPathHasTheBytesThatJavaUses() {
        for (String name : List.of("/a/b c", "/%41%", "/new\nline", "/", "/umlaut-\u00e4", "/folder/")) {
            Path path;
            try {
                path = Path.of(name);
            } catch (InvalidPathException e) {
                continue; // this locale has no such name
            }
            String encoding = System.getProperty("sun.jnu.encoding");
            assertThat(Libc.bytesOf(path)).isEqualTo((path + "\0").getBytes(Charset.forName(encoding)));
        }
        assertThat(Libc.bytesOf(Path.of("/tmp"))).as("no slash behind a folder").hasSize(5);
    }
}
