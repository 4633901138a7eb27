package org.stateferry.service.definition;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.WritersElsewhere;

/**
 * Tells whether files are still being written. A file has settled when it has not changed for long enough - by its own times, or, if
 * the clock of its file system is ahead, by when it was looked at here - and no process in {@code /proc} has it open for writing.
 *
 * <p>Used by one thread at a time.
 */
public final class SettledFiles {
    private final Duration settledFor;
    private final Map<Path, Sight> sights = new HashMap<>();

    private record Sight(FileMark mark, Instant since) {}

    /** @param settledFor how long a file must have been left alone; if that is no time at all, every file has settled */
    public SettledFiles(Duration settledFor) {
        this.settledFor = settledFor;
    }

    /**
     * Whether a file has settled.
     *
     * @param mark what it is now
     */
    public boolean isSettled(Path file, FileMark mark, Instant now) throws IOException {
        if (settledFor.isZero()) {
            return true;
        }
        Sight sight = sights.get(file);
        if (sight == null || !sight.mark.equals(mark) || now.isBefore(sight.since)) {
            sight = new Sight(mark, now);
            sights.put(file, sight);
        }
        return (isLongAgo(mark.latest(), now) || isLongAgo(sight.since, now)) && !isBeingWritten(file);
    }

    private boolean isLongAgo(Instant time, Instant now) {
        return !now.isBefore(time.plus(settledFor));
    }

    private static boolean isBeingWritten(Path file) throws IOException {
        try (LinuxFile located = LinuxFile.locateRegular(file, Links.FOLLOW)) {
            return !WritersElsewhere.of(located).isEmpty();
        }
    }

    /** Forgets all files but these. */
    public void retain(Set<Path> files) {
        sights.keySet().retainAll(files);
    }
}
