package org.stateferry.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.stateferry.bench.ImportContender.Mode;
import org.stateferry.bench.PieceContender.Pieces;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The benchmark's command line; {@code src/bench/run.sh} starts it. */
@Command(
        name = "src/bench/run.sh",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Imports real migration streams, lets every other way to keep them take its turn, and prints the times and"
                    + " their ratios. Without an option: 2 GiB, three rounds, some minutes, and 6 GiB of disk.",
            ""
        },
        footer = {"", "src/bench/run.sh jmh [ARGUMENTS]  runs the micro-benchmarks instead."})
final class BenchmarkCommand implements Callable<Integer> {
    private static final int MIB = 1 << 20;
    /** Pieces written one by one past the page cache take milliseconds each. */
    private static final int SLOW_SAMPLE_SHARE = 32;

    private static final BenchStream NO_STREAM = new BenchStream("none", "nobody", Path.of(""), 0, List.of());

    /** What can be left out. */
    enum Part {
        INCOMPRESSIBLE,
        HALF_ZERO,
        COMPRESSIBLE,
        CODECS,
        VERIFY,
        RESUME,
        PIECES
    }

    @Option(
            names = "--size",
            paramLabel = "MIB",
            defaultValue = "2048",
            description = "Length of the streams in MiB. Default: ${DEFAULT-VALUE}.")
    private int mebibytes;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "3",
            description = "How often each contender runs, in turn with the others. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(
            names = "--folder",
            paramLabel = "DIR",
            description =
                    "Where to write: on the disk to be measured. All files are deleted at the end. Default: target.")
    private Path folder = project().resolve("target");

    @Option(
            names = "--parts",
            split = ",",
            paramLabel = "PART",
            defaultValue = "incompressible,half_zero,compressible,codecs,verify,resume,pieces",
            description = "What to measure: ${COMPLETION-CANDIDATES}. Default: all.")
    private Set<Part> parts;

    @Option(
            names = "--busy",
            paramLabel = "N",
            defaultValue = "0",
            description = "How many processors other processes take meanwhile. Default: none.")
    private int busy;

    @Option(
            names = "--scale",
            split = ",",
            paramLabel = "GIB",
            description = "Instead: imports of mostly zero states of so many GiB, for example 4,64,1024.")
    private List<Integer> scale = List.of();

    /** Ends the process with picocli's exit code. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new BenchmarkCommand())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .execute(arguments));
    }

    @Override
    public Integer call() throws IOException {
        Path own = Files.createTempDirectory(folder.toRealPath(), "bench");
        Thread cleaning = new Thread(() -> deleteAll(own));
        Runtime.getRuntime().addShutdownHook(cleaning);
        Report report = new Report(System.out);
        report.line(machine(own) + (busy == 0 ? "" : ", " + busy + " of them taken by others"));
        try (BusyProcessors others = new BusyProcessors(busy)) {
            if (scale.isEmpty()) {
                measure(own, report);
            } else {
                measureScale(own, report);
            }
        }
        return CommandLine.ExitCode.OK;
    }

    /** What else runs tells whether the figures are worth anything. */
    private static String machine(Path own) throws IOException {
        OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
        return String.format(
                Locale.ROOT,
                "%s %s, %d processors, load average %.1f, Java %s, %s",
                system.getName(),
                system.getVersion(),
                system.getAvailableProcessors(),
                system.getSystemLoadAverage(),
                Runtime.version(),
                Files.getFileStore(own).type());
    }

    private void measure(Path own, Report report) throws IOException {
        StreamMaker streams = new StreamMaker(own, demo());
        Rounds turns = new Rounds(own, rounds, report);
        if (parts.contains(Part.INCOMPRESSIBLE)) {
            measureImports(streams.incompressible(mebibytes), own, turns, report);
        }
        if (parts.contains(Part.HALF_ZERO)) {
            measureImports(streams.halfZero(mebibytes), own, turns, report);
        }
        if (parts.contains(Part.COMPRESSIBLE)) {
            measureCompression(streams.compressible(mebibytes), own, turns, report);
        }
        if (parts.contains(Part.CODECS)) {
            Path compressed = Files.createDirectory(own.resolve("codecs"));
            Results results =
                    measureStream(streams.compressible(mebibytes), CodecContender.all(compressed), turns, report);
            report.print(results, "seconds", CodecContender.targets());
            deleteAll(compressed);
        }
        if (parts.contains(Part.VERIFY)) {
            Results results = measureStream(
                    streams.incompressible(mebibytes),
                    List.of(new VerifyContender(importing(Mode.CACHED, own), launcher())),
                    turns,
                    report);
            report.print(results, "seconds", Target.ofVerification());
        }
        if (parts.contains(Part.RESUME)) {
            Results results = measureStream(streams.incompressible(mebibytes), resumeContenders(own), turns, report);
            report.print(results, "seconds", Target.ofResumes());
        }
        if (parts.contains(Part.PIECES)) {
            report.title("The write path alone, without Spring Batch; " + rounds + " rounds");
            report.print(turns.measure(NO_STREAM, pieceContenders()), "seconds per GiB", Target.ofPieces());
        }
    }

    private void measureImports(BenchStream stream, Path own, Rounds turns, Report report) throws IOException {
        Results results = measureStream(stream, importContenders(own), turns, report);
        report.print(results, "seconds", Target.ofImports());
    }

    private void measureCompression(BenchStream stream, Path own, Rounds turns, Report report) throws IOException {
        Results results = measureStream(stream, compressionContenders(own), turns, report);
        int processors = Runtime.getRuntime().availableProcessors();
        report.print(results, "seconds", Target.ofCompression(processors));
        report.printStored(results, stream);
    }

    /** Afterwards the stream is deleted, to make room for the next. */
    private Results measureStream(BenchStream stream, List<Contender> contenders, Rounds turns, Report report)
            throws IOException {
        report.title(stream.name() + " stream of " + stream.size() / MIB + " MiB, " + stream.origin()
                + ", in the page cache; " + rounds + " rounds");
        Results results = turns.measure(stream, contenders);
        Files.delete(stream.path());
        return results;
    }

    private void measureScale(Path own, Report report) throws IOException {
        report.title("Sparse states, 1 MiB of data in each GiB; " + rounds + " rounds");
        ImportContender importing = importing(Mode.CACHED, own);
        List<Contender> contenders = new ArrayList<>();
        scale.forEach(size -> contenders.add(new ScaleContender(size, importing)));
        Results results = new Rounds(own, rounds, report).measure(NO_STREAM, contenders);
        report.print(results, "seconds per GiB", ScaleContender.targets(scale));
    }

    private static List<Contender> importContenders(Path own) throws IOException {
        return List.of(
                importing(Mode.CACHED, own),
                importing(Mode.DIRECT, own),
                new SavevmContender(SavevmContender.WRITEBACK, demo()),
                new SavevmContender(SavevmContender.NONE, demo()),
                CommandContender.convertCached(),
                CommandContender.convertTargetDirect(),
                CommandContender.convertDirect(),
                CommandContender.copy(),
                new FioContender());
    }

    private static List<Contender> resumeContenders(Path own) throws IOException {
        List<Contender> contenders = new ArrayList<>();
        for (String cache : List.of(SavevmContender.WRITEBACK, SavevmContender.NONE)) {
            for (Mode mode : List.of(Mode.CACHED, Mode.DIRECT)) {
                contenders.add(new ResumeContender(importing(mode, own), mode, cache));
            }
        }
        return contenders;
    }

    private static List<Contender> compressionContenders(Path own) throws IOException {
        return List.of(
                importing(Mode.ZSTD, own),
                importing(Mode.ZLIB, own),
                CommandContender.zstd(),
                CommandContender.gzip(),
                CommandContender.convertCompressed());
    }

    private static ImportContender importing(Mode mode, Path own) throws IOException {
        ImportContender contender = new ImportContender(mode, launcher(), demo(), own.resolve("home"));
        Path warmUp = Files.createDirectory(own.resolve("warm-up"));
        contender.prepareHome(warmUp);
        deleteAll(warmUp);
        return contender;
    }

    private List<Contender> pieceContenders() {
        List<Contender> contenders = new ArrayList<>();
        long sampleSize = (long) mebibytes * MIB;
        for (Pieces pieces : Pieces.values()) {
            contenders.add(new PieceContender(pieces, false, false, sampleSize / 4));
            contenders.add(new PieceContender(pieces, true, false, sampleSize / 4));
            contenders.add(new PieceContender(pieces, false, true, slowSampleSize(pieces, sampleSize)));
            contenders.add(new PieceContender(pieces, true, true, sampleSize / 4));
        }
        return contenders;
    }

    private static long slowSampleSize(Pieces pieces, long sampleSize) {
        return pieces == Pieces.SMALL ? sampleSize / SLOW_SAMPLE_SHARE / 16 : sampleSize / SLOW_SAMPLE_SHARE;
    }

    private static Path project() {
        return Path.of(System.getProperty("stateferry.project", "")).toAbsolutePath();
    }

    private static Path launcher() {
        return project().resolve("target/stateferry");
    }

    private static Path demo() {
        return project().resolve("src/demo");
    }

    private static void deleteAll(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            System.err.println("left behind: " + folder + " (" + e.getMessage() + ")");
        }
    }
}
