package org.stateferry.bench;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Prints results as tables of at most 120 columns. */
final class Report {
    private static final String HEAD = "%-86s %8s %8s %8s%n";
    private static final String LINE = "%-86s %8.3f %8.3f %8.3f%n";
    private static final String RATIO = "%-86s %8.3f %8.3f %8.3f  %s%n";

    private final PrintStream out;

    Report(PrintStream out) {
        this.out = out;
    }

    void title(String text) {
        out.printf("%n== %s%n", text);
    }

    void line(String text) {
        out.println(text);
    }

    /** Tells on standard error how far things are; the tables come on standard output. */
    void progress(int round, Contender.Timing timing) {
        System.err.printf(Locale.ROOT, "round %d: %s: %.3f s%n", round, timing.row(), timing.seconds());
    }

    /** Every row's seconds, then the ratios of those pairs of rows that were both measured. */
    void print(Results results, String unit, List<Target> targets) {
        out.printf(HEAD, unit, "median", "min", "max");
        for (String row : results.rows()) {
            Results.Spread seconds = results.seconds(row);
            out.printf(Locale.ROOT, LINE, row, seconds.median(), seconds.min(), seconds.max());
        }
        results.loads().forEach((row, load) -> out.println(row + ": " + load));
        out.printf(HEAD.replace("%n", "  %s%n"), "ratio of times, by rounds", "median", "min", "max", "target");
        for (Target target : targets) {
            results.ratio(target.row(), target.other())
                    .ifPresent(ratio -> out.printf(
                            Locale.ROOT,
                            RATIO,
                            target.row() + " / " + target.other(),
                            ratio.median(),
                            ratio.min(),
                            ratio.max(),
                            target.judge(ratio.median())));
        }
    }

    /** How much of a stream is left when it is compressed, in one line. */
    void printStored(Results results, BenchStream stream) {
        String sizes = results.stored().entrySet().stream()
                .map(row -> mebibytes(row.getValue()) + " " + row.getKey())
                .collect(Collectors.joining("; "));
        out.println("MiB stored, of " + mebibytes(stream.size()) + ": " + sizes);
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f", bytes / (double) (1 << 20));
    }
}
