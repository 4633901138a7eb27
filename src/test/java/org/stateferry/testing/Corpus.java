package org.stateferry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;

/**
 * A directory of real saved states with a {@code manifest.tsv}, kept outside the project because of its size. The system
 * property {@code stateferry.corpus} names it.
 */
public final class Corpus {
    private static final Duration LIMIT = Duration.ofMinutes(10);

    private final Path directory;

    private Corpus(Path directory) {
        this.directory = directory;
    }

    /**
     * One file of the corpus.
     *
     * @param file its name; {@code .zst} means that it lies there compressed
     * @param kind for example {@code plain}, {@code disk} or {@code damaged}
     * @param machine the versioned machine type, or empty
     * @param sha256 of the unpacked content
     * @param lastTick the last number a counting guest had printed, if it is one
     * @param resumeCommand the QEMU command line that loads it; {@code NAME} stands for the snapshot; for a
     *     damaged file a remark instead
     */
    public record Entry(
            String file, String kind, String machine, String sha256, String lastTick, String resumeCommand) {
        /** The file's name once unpacked. */
        public String unpackedName() {
            return file.endsWith(".zst") ? file.substring(0, file.length() - 4) : file;
        }

        @Override
        public String toString() {
            return unpackedName();
        }
    }

    /** The corpus, or a skipped test that says why. */
    public static Corpus assumeAvailable() {
        String directory = System.getProperty("stateferry.corpus", "");
        Assumptions.assumeFalse(directory.isEmpty(), "no corpus: set -Dstateferry.corpus=DIRECTORY");
        Assumptions.assumeTrue(QemuTools.isOnPath("zstd"), "the corpus needs the program zstd");
        return new Corpus(Path.of(directory).toAbsolutePath());
    }

    /** The path of a file that lies in the corpus as it is. */
    public Path path(String name) {
        return directory.resolve(name);
    }

    /** All lines of the manifest. */
    public List<Entry> entries() {
        try {
            return Files.readAllLines(directory.resolve("manifest.tsv")).stream()
                    .skip(1)
                    .map(Corpus::parse)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The manifest's line for an unpacked name. */
    public Optional<Entry> entry(String unpackedName) {
        return entries().stream()
                .filter(entry -> entry.unpackedName().equals(unpackedName))
                .findFirst();
    }

    /** Puts an entry's content into a directory, proven by its checksum, and returns the new file. */
    public Path unpack(Entry entry, Path target) {
        Path source = directory.resolve(entry.file());
        Path file = target.resolve(entry.unpackedName());
        if (entry.file().endsWith(".zst")) {
            List<String> command =
                    List.of("zstd", "-q", "-d", "--long=27", "--sparse", source.toString(), "-o", file.toString());
            RunningCommand.run(LIMIT, command).requireSuccess();
        } else {
            copy(source, file);
        }
        if (!RawBytes.sha256(file).equals(entry.sha256())) {
            throw new AssertionError(entry.file() + " differs from its checksum in the manifest");
        }
        return file;
    }

    private static void copy(Path source, Path file) {
        try {
            Files.copy(source, file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Entry parse(String line) {
        String[] columns = line.split("\t", -1);
        return new Entry(columns[0], columns[1], columns[3], columns[6], columns[8], columns[9]);
    }
}
