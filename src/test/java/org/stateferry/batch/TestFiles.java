package org.stateferry.batch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.stateferry.testing.RunningCommand;

/** What happens to a test's files between two imports. */
public final class TestFiles {
    private TestFiles() {}

    static void setTime(Path file, Instant time) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(time));
    }

    /** Changes one byte of a file in place, and leaves its time as it was. */
    static void flipByte(Path file, long offset) throws IOException {
        FileTime time = Files.getLastModifiedTime(file);
        byte[] bytes = Files.readAllBytes(file);
        bytes[Math.toIntExact(offset)] ^= 1;
        Files.write(file, bytes);
        Files.setLastModifiedTime(file, time);
    }

    /** Copies a file over another one, with its time; the other one keeps its inode. */
    public static void restore(Path saved, Path file) throws IOException {
        Files.write(file, Files.readAllBytes(saved));
        Files.setLastModifiedTime(file, Files.getLastModifiedTime(saved));
    }

    /** Cuts a file from a process of its own: while an import runs, closing it here could drop its lock. */
    static void cutInAnotherProcess(Path file, long length) {
        RunningCommand.run(Duration.ofSeconds(30), List.of("truncate", "-s", Long.toString(length), file.toString()))
                .requireSuccess();
    }

    public static Path save(Path file) throws IOException {
        Path copy = file.resolveSibling(file.getFileName() + ".saved");
        return Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
    }
}
