package org.stateferry.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/**
 * The locks of this process as the kernel lists them in {@code /proc/locks} (proc(5)): a line is running number, class,
 * mode, access, pid, {@code major:minor:inode}, first byte, last byte. On systems without that file the list is empty.
 */
final class KernelLocks {
    private static final Path LIST = Path.of("/proc/locks");
    private static final int FIELD_COUNT = 8;

    private KernelLocks() {}

    /** The entries, without their running numbers, that cover exactly these bytes and belong to this process. */
    static Set<String> ofThisProcess(long firstByte, long lastByte) {
        String pid = Long.toString(ProcessHandle.current().pid());
        Set<String> entries = new HashSet<>();
        try {
            for (String line : Files.readAllLines(LIST)) {
                String[] fields = line.trim().split("\\s+");
                if (fields.length == FIELD_COUNT
                        && fields[4].equals(pid)
                        && fields[6].equals(Long.toString(firstByte))
                        && fields[7].equals(Long.toString(lastByte))) {
                    entries.add(fields[1] + ' ' + fields[3] + ' ' + fields[5]);
                }
            }
        } catch (IOException e) {
            // No such list on this system: then nothing can be proved from outside, and the caller asks for no proof.
            return new HashSet<>();
        }
        return entries;
    }
}
