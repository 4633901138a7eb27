package org.stateferry.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The locks of this process as the kernel lists them in {@code /proc/locks} (proc(5)): a line is running number, class,
 * mode, access, pid, {@code major:minor:inode}, first byte, last byte. On systems without that file the list is empty.
 */
final class KernelLocks {
    private static final Path LIST = Path.of("/proc/locks");
    private static final int FIELD_COUNT = 8;

    private KernelLocks() {}

    /**
     * Whether somebody else holds a lock on a byte of a file.
     *
     * @param file the file as the list names it, see {@link #fileOf}
     */
    static boolean isHeldByOthers(String file, long byteOffset) {
        String pid = Long.toString(ProcessHandle.current().pid());
        for (String[] fields : entries()) {
            long last = fields[7].equals("EOF") ? Long.MAX_VALUE : Long.parseLong(fields[7]);
            if (fields[5].equals(file)
                    && !fields[4].equals(pid)
                    && Long.parseLong(fields[6]) <= byteOffset
                    && byteOffset <= last) {
                return true;
            }
        }
        return false;
    }

    /** The {@code major:minor:inode} of an entry that {@link #ofThisProcess} returned. */
    static String fileOf(String entry) {
        return entry.substring(entry.lastIndexOf(' ') + 1);
    }

    /** The entries, without their running numbers, that cover exactly these bytes and belong to this process. */
    static Set<String> ofThisProcess(long firstByte, long lastByte) {
        String pid = Long.toString(ProcessHandle.current().pid());
        Set<String> entries = new HashSet<>();
        for (String[] fields : entries()) {
            if (fields[4].equals(pid)
                    && fields[6].equals(Long.toString(firstByte))
                    && fields[7].equals(Long.toString(lastByte))) {
                entries.add(fields[1] + ' ' + fields[3] + ' ' + fields[5]);
            }
        }
        return entries;
    }

    private static List<String[]> entries() {
        try {
            // A waiting lock has an arrow as an additional field; it is not held.
            return Files.readAllLines(LIST).stream()
                    .map(line -> line.trim().split("\\s+"))
                    .filter(fields -> fields.length == FIELD_COUNT)
                    .toList();
        } catch (IOException e) {
            // No such list on this system: then nothing can be proved from outside, and the caller asks for no proof.
            return List.of();
        }
    }
}
