package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Our own import, run as an operator runs it, with a home that has been used before. */
final class ImportContender implements Contender {
    static final String CACHED = "cached";
    static final String DIRECT = "direct";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final String mode;
    private final Path launcher;
    private final Path demo;
    private final Path home;

    ImportContender(String mode, Path launcher, Path demo, Path home) {
        this.mode = mode;
        this.launcher = launcher;
        this.demo = demo;
        this.home = home;
    }

    static String wholeProcess(String mode) {
        return "import --io " + mode + ", whole process";
    }

    static String transferAndPublish(String mode) {
        return "import --io " + mode + ", transfer + publish";
    }

    /** How long an import took as a process, and by its own account, in seconds. */
    record Took(double process, double transferAndPublish) {}

    @Override
    public String description() {
        return "stateferry import --io " + mode
                + " with the JVM's start and a used home; forced, checked, forced again";
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return Optional.empty();
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException {
        Took took = importInto(folder, stream.path(), "auto");
        return List.of(
                new Timing(wholeProcess(mode), took.process()),
                new Timing(transferAndPublish(mode), took.transferAndPublish()));
    }

    /** Creates the home's repository, so that no measured run does. */
    void prepareHome(Path folder) throws IOException {
        importInto(folder, demo.resolve("ticker.vmstate"), "auto");
    }

    /** Imports a dump into a copy of the demonstration disk. */
    Took importInto(Path folder, Path dump, String format) throws IOException {
        Path image = Files.copy(demo.resolve("ticker.qcow2"), folder.resolve("disk.qcow2"));
        List<String> command = new ArrayList<>(List.of(launcher.toString(), "import"));
        command.addAll(List.of(dump.toString(), image.toString(), "--name", "bench", "--io", mode));
        command.addAll(List.of("--format", format, "--json", "--quiet"));
        Commands.Timed timed = Commands.run(Map.of("STATEFERRY_HOME", home.toString()), command);
        JsonNode outcome = JSON.readTree(timed.result().stdout());
        long millis = outcome.path("transferMillis").asLong()
                + outcome.path("publishMillis").asLong();
        return new Took(timed.seconds(), millis / 1e3);
    }
}
