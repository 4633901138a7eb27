package org.stateferry.testing;

import com.github.luben.zstd.ZstdInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.Assumptions;

/**
 * A directory of files that made trouble once, kept outside the project. The system property {@code stateferry.cases} names
 * it.
 */
public final class Cases {
    private final Path directory;

    private Cases(Path directory) {
        this.directory = directory;
    }

    /** The cases, or a skipped test that says why. */
    public static Cases assumeAvailable() {
        String directory = System.getProperty("stateferry.cases", "");
        Assumptions.assumeFalse(directory.isEmpty(), "no case files: set -Dstateferry.cases=DIRECTORY");
        return new Cases(Path.of(directory).toAbsolutePath());
    }

    /** Puts a case into a directory, unpacked if it lies there compressed. */
    public Path unpack(String name, Path target) {
        Path packed = directory.resolve(name + ".zst");
        Path source = Files.exists(packed) ? packed : directory.resolve(name);
        try (InputStream file = Files.newInputStream(source);
                InputStream content = source.equals(packed) ? new ZstdInputStream(file) : file) {
            Files.copy(content, target.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return target.resolve(name);
    }
}
