package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.stateferry.error.StateferryException;

/** Lets contenders take turns: each once, then each once more, as often as asked. */
final class Rounds {
    private final Path folder;
    private final int count;
    private final Report report;

    /**
     * @param folder on the file system that is measured
     * @param count how often each contender runs
     */
    Rounds(Path folder, int count, Report report) {
        this.folder = folder;
        this.count = count;
        this.report = report;
    }

    /** Measures all that can run here; says which cannot, and what failed. */
    Results measure(BenchStream stream, List<Contender> contenders) throws IOException {
        Results results = new Results();
        List<Contender> present = present(stream, contenders);
        for (int round = 0; round < count; round++) {
            for (Contender contender : present) {
                measure(round, contender, stream, results);
            }
        }
        return results;
    }

    private List<Contender> present(BenchStream stream, List<Contender> contenders) {
        List<Contender> present = new ArrayList<>();
        for (Contender contender : contenders) {
            Optional<String> obstacle = contender.obstacle(stream);
            report.line(
                    (obstacle.isPresent() ? "  not run, " + obstacle.get() + ": " : "  ") + contender.description());
            if (obstacle.isEmpty()) {
                present.add(contender);
            }
        }
        return present;
    }

    private void measure(int round, Contender contender, BenchStream stream, Results results) throws IOException {
        Path own = Files.createDirectory(folder.resolve("run"));
        try {
            settle(stream);
            for (Contender.Timing timing : contender.run(stream, own)) {
                results.add(round, timing);
                report.progress(round + 1, timing);
            }
        } catch (StateferryException | AssertionError e) {
            // One that fails here must not take the others' figures with it.
            report.line("FAILED in round " + (round + 1) + ": " + contender.description() + ": " + e.getMessage());
        } finally {
            delete(own);
        }
    }

    /** Nothing of what ran before is still to be written, and the stream is in the page cache. */
    private static void settle(BenchStream stream) {
        Commands.run("sync");
        if (stream.size() > 0) {
            Commands.run("sh", "-c", "cat \"$0\" >/dev/null", stream.path().toString());
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }
}
