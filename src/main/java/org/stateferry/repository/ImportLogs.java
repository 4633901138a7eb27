package org.stateferry.repository;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;

/**
 * The log of each import, all its attempts in one file of the home. One file has at most {@value #SIZE_MAX} bytes; when there
 * would be more, the older half goes. There are at most {@value #FILES_MAX} files with {@value #SUM_MAX} bytes in all; those
 * that were not written to for the longest time go first, whatever the history still has.
 *
 * <p>A log that cannot be written is told of in the common log and fails nothing. Thread-safe.
 */
public final class ImportLogs {
    static final int SIZE_MAX = 128 << 10;
    static final int FILES_MAX = 1000;
    static final long SUM_MAX = 32L << 20;

    private static final String SUFFIX = ".log";
    private static final Logger LOG = LoggerFactory.getLogger(ImportLogs.class);

    private final Path folder;

    /** @param home where they are kept */
    public ImportLogs(StateferryHome home) {
        this.folder = home.importLogFolder();
    }

    private Path file(long id) {
        return folder.resolve(id + SUFFIX);
    }

    /** Adds lines to the log of an import; each is put on one line, and what is dangerous in it is escaped. */
    public synchronized void add(long id, List<String> lines) {
        Path file = file(id);
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append(ForeignText.escape(line)).append('\n'));
        try {
            if (!Files.exists(file)) {
                makeRoom();
            }
            if (PrivateFile.append(file, text.toString().getBytes(StandardCharsets.UTF_8)) > SIZE_MAX) {
                PrivateFile.replace(file, newerHalf(read(file)));
            }
        } catch (IOException e) {
            LOG.warn("The log of import {} cannot be written: {}", id, e.getMessage());
        }
    }

    private static byte[] read(Path file) throws IOException {
        return SmallFile.read(file, Links.STAY, 2 * SIZE_MAX);
    }

    private static byte[] newerHalf(byte[] content) {
        return fromLineAfter(content, content.length - SIZE_MAX / 2);
    }

    /** The content from the first line on that begins at or after a position. */
    private static byte[] fromLineAfter(byte[] content, int position) {
        int start = Math.max(0, position);
        while (start > 0 && start < content.length && content[start - 1] != '\n') {
            start++;
        }
        return Arrays.copyOfRange(content, start, content.length);
    }

    /** The log of an import; empty if there is none. */
    public String read(long id) throws StateferryException {
        try {
            return new String(read(file(id)), StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            return "";
        } catch (IOException e) {
            throw StateferryHome.unusable(file(id), e);
        }
    }

    /**
     * The last lines of a log that has so many bytes at most; empty if there is none, or it cannot be read.
     *
     * @param bytesMax bytes of UTF-8
     */
    public String end(long id, int bytesMax) {
        try {
            byte[] content = read(file(id));
            return new String(fromLineAfter(content, content.length - bytesMax), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }

    /** Removes the log of an import. */
    void forget(long id) {
        try {
            Files.deleteIfExists(file(id));
        } catch (IOException e) {
            LOG.warn("The log of import {} cannot be removed: {}", id, e.getMessage());
        }
    }

    private record Kept(Path file, FileTime written, long size) {}

    private void makeRoom() throws IOException {
        List<Kept> kept = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file :
                    files.filter(one -> one.toString().endsWith(SUFFIX)).toList()) {
                try {
                    kept.add(new Kept(file, Files.getLastModifiedTime(file), Files.size(file)));
                } catch (NoSuchFileException e) {
                    // It has just been forgotten, by whoever prunes the history.
                }
            }
        }
        kept.sort(Comparator.comparing(Kept::written));
        long sum = kept.stream().mapToLong(Kept::size).sum();
        for (int left = kept.size(); left > 0 && (left >= FILES_MAX || sum > SUM_MAX - SIZE_MAX); left--) {
            Kept oldest = kept.get(kept.size() - left);
            Files.deleteIfExists(oldest.file);
            sum -= oldest.size;
        }
    }
}
