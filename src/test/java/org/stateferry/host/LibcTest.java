package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
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
    void whatTheyNeedIsUnpackedWhereTheJvmPutsTemporaryFilesInAFolderThatIsGoneByNow() throws Exception {
        assumeTrue(Libc.isAvailable(), "there are no such calls");

        Path folder = Files.readAllLines(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1).stream()
                .filter(line -> line.matches(".* /.*/jna[^/]*"))
                .map(line -> Path.of(line.substring(line.indexOf(" /") + 1)).getParent())
                .findFirst()
                .orElseThrow();

        assertThat(folder.getParent()).isEqualTo(Path.of(System.getProperty("java.io.tmpdir")));
        assertThat(folder.getFileName().toString()).startsWith("stateferry-");
        assertThat(folder).doesNotExist();
        assertThat(System.getProperty("jna.tmpdir")).isNull();
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
