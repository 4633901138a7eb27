package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.stateferry.error.StateferryException;

/** Something that is measured. For one thread, like the whole benchmark. */
interface Contender {
    /** One thing that a contender's run took.
     *
     * @param row what it is called in the tables
     * @param seconds how long it took; where the row says so, for each GiB
     * @param stored the bytes by which the file it wrote has grown; 0 if nobody asks
     * @param load how it used the system, in words; empty if it does not tell
     */
    record Timing(String row, double seconds, long stored, String load) {
        Timing(String row, double seconds) {
            this(row, seconds, 0, "");
        }

        Timing(String row, double seconds, long stored) {
            this(row, seconds, stored, "");
        }
    }

    /** What is done, in one line; it says whether the time includes the final flush. */
    String description();

    /** Why it cannot run here, or with this stream. */
    Optional<String> obstacle(BenchStream stream);

    /**
     * Runs once.
     *
     * @param folder empty; whatever is left in it is deleted
     */
    List<Timing> run(BenchStream stream, Path folder) throws IOException, StateferryException;
}
