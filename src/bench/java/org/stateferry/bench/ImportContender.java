package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.stateferry.testing.Qcow2ImageBuilder;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Our own import, run as an operator runs it, with a home that has been used before. */
final class ImportContender implements Contender {
    private static final int MIB = 1 << 20;
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Mode mode;
    private final Path launcher;
    private final Path demo;
    private final Path home;

    /** How the data is written, and to what image. */
    enum Mode {
        CACHED("", "--io", "cached"),
        DIRECT("", "--io", "direct"),
        /** Into an image of QEMU's default compression type. */
        ZLIB(" (zlib)", "--compress", "image"),
        ZSTD(" (zstd)", "--compress", "image");

        private final List<String> options;
        private final String text;

        Mode(String compressionType, String... options) {
            this.options = List.of(options);
            this.text = "import " + String.join(" ", options) + compressionType;
        }
    }

    ImportContender(Mode mode, Path launcher, Path demo, Path home) {
        this.mode = mode;
        this.launcher = launcher;
        this.demo = demo;
        this.home = home;
    }

    static String wholeProcess(Mode mode) {
        return mode.text + ", whole process";
    }

    static String transferAndPublish(Mode mode) {
        return mode.text + ", transfer + publish";
    }

    /**
     * What an import took.
     *
     * @param process seconds as a process
     * @param transferAndPublish seconds by its own account
     * @param growth bytes by which the image is longer
     * @param load how the transfer used the system, in words
     */
    record Took(double process, double transferAndPublish, long growth, String load) {}

    @Override
    public String description() {
        return "stateferry " + mode.text + " with the JVM's start and a used home; forced, checked, forced again";
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return Optional.empty();
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException {
        Took took = importInto(folder, stream.path(), "auto");
        return List.of(
                new Timing(wholeProcess(mode), took.process(), took.growth()),
                new Timing(transferAndPublish(mode), took.transferAndPublish(), 0, took.load()));
    }

    /** Creates the home's repository, so that no measured run does. */
    void prepareHome(Path folder) throws IOException {
        importInto(folder, demo.resolve("ticker.vmstate"), "auto");
    }

    /** Imports a dump into a disk of 1 MiB. */
    Took importInto(Path folder, Path dump, String format) throws IOException {
        Path image = makeImage(folder.resolve("disk.qcow2"));
        long sizeBefore = Files.size(image);
        List<String> command = new ArrayList<>(List.of(launcher.toString(), "import"));
        command.addAll(List.of(dump.toString(), image.toString(), "--name", "bench"));
        command.addAll(mode.options);
        command.addAll(List.of("--format", format, "--json", "--quiet"));
        Commands.Timed timed = Commands.run(Map.of("STATEFERRY_HOME", home.toString()), command);
        JsonNode outcome = JSON.readTree(timed.result().stdout());
        long millis = outcome.path("transferMillis").asLong()
                + outcome.path("publishMillis").asLong();
        return new Took(timed.seconds(), millis / 1e3, Files.size(image) - sizeBefore, load(outcome));
    }

    private static String load(JsonNode outcome) {
        JsonNode load = outcome.path("transferLoad");
        double mebibytes = outcome.path("bytes").asLong() / (double) MIB;
        return String.format(
                Locale.ROOT,
                "a write in flight for %.0f %% of the transfer; each MiB took %.2f reads and %.2f writes of %.2f and %.2f MiB",
                100 * load.path("inFlightShare").asDouble(),
                load.path("readCalls").asLong() / mebibytes,
                load.path("writeCalls").asLong() / mebibytes,
                load.path("bytesRead").asLong() / mebibytes / MIB,
                load.path("bytesWritten").asLong() / mebibytes / MIB);
    }

    /** The demonstration disk is of type zlib, as is all that {@code --create} makes; the tests make zstd without QEMU. */
    private Path makeImage(Path image) throws IOException {
        return mode == Mode.ZSTD
                ? Qcow2ImageBuilder.version3(16, 4, MIB).zstd().build().saveTo(image)
                : Files.copy(demo.resolve("ticker.qcow2"), image);
    }
}
