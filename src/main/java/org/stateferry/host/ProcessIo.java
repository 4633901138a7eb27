package org.stateferry.host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * What this process has read and written by system calls since its start (proc(5), {@code /proc/self/io}). Where the system
 * does not tell, all is 0.
 *
 * @param readCalls calls of read(2) and its like; copy_file_range(2) counts as one of each kind
 * @param writeCalls calls of write(2) and its like
 * @param bytesRead bytes that these calls read, from the page cache or not
 * @param bytesWritten bytes that these calls wrote
 */
public record ProcessIo(long readCalls, long writeCalls, long bytesRead, long bytesWritten) {
    private static final Path TOLD = Path.of("/proc/self/io");

    /** What it has done so far. */
    public static ProcessIo soFar() {
        Map<String, Long> values = new HashMap<>();
        try {
            for (String line : Files.readAllLines(TOLD)) {
                int colon = line.indexOf(':');
                values.put(
                        line.substring(0, colon),
                        Long.parseLong(line.substring(colon + 1).strip()));
            }
        } catch (IOException | RuntimeException e) {
            values.clear(); // another system, or one that keeps this to itself
        }
        return new ProcessIo(
                values.getOrDefault("syscr", 0L),
                values.getOrDefault("syscw", 0L),
                values.getOrDefault("rchar", 0L),
                values.getOrDefault("wchar", 0L));
    }

    /** What was done between an earlier moment and this one. */
    public ProcessIo since(ProcessIo earlier) {
        return new ProcessIo(
                readCalls - earlier.readCalls,
                writeCalls - earlier.writeCalls,
                bytesRead - earlier.bytesRead,
                bytesWritten - earlier.bytesWritten);
    }
}
