package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.installation.NotificationResult;
import org.stateferry.repository.ImportRecord;
import org.stateferry.service.notification.Event;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.web.ApiPaths;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Compares what the guide calls stable with {@code src/test/resources/stable.txt}. A line that is missing here was promised
 * and is gone; a new one belongs into the list, because from now on it is promised too. With the system property
 * {@code stateferry.recordStable} the list is written instead; so does ApiTest, for what only a service that runs has.
 */
class StabilityTest {
    private static final Path RECORDED = Path.of("src/test/resources/stable.txt");
    private static final Path DEFINITIONS = Path.of("src/main/java/org/stateferry/service");
    private static final Path SCHEMA = Path.of("src/main/resources/db");
    private static final Pattern DEFINITION_FIELDS = Pattern.compile(
            "fields\\s*\\.(?:has|given|flag|read|readAll|require)\\(\\s*(\"[a-z.-]+\"(?:, \"[a-z.-]+\")*)");
    /** Of a schedule, whose fields are read by the key that they begin with. */
    private static final Pattern SCHEDULE = Pattern.compile("Schedule\\.read\\(fields, \"([a-z]+)\"\\)");

    private static final Pattern SCHEDULE_FIELD = Pattern.compile("key \\+ \"(\\.[a-z-]+)\"");

    private static final Pattern OF_A_SERVICE = Pattern.compile("field |metric ");
    private static final byte[] SEVEN_ZIP = {0x37, 0x7a, (byte) 0xbc, (byte) 0xaf, 0x27, 0x1c, 0, 0};

    @TempDir
    Path folder;

    private final SortedSet<String> surface = new TreeSet<>();

    @Test
    void whatIsPromisedIsThere() throws Exception {
        commandsAndOptions();
        exitCodes();
        json();
        definitions();
        schema();
        ApiPaths.ofCode().forEach(path -> surface.add("api " + path));
        settings();
        // Only a service that runs has these: ApiTest compares them.
        Files.readAllLines(RECORDED).stream()
                .filter(line -> OF_A_SERVICE.matcher(line).lookingAt())
                .forEach(surface::add);

        if (Boolean.getBoolean("stateferry.recordStable")) {
            Files.write(RECORDED, surface);
        }
        assertThat(surface).containsExactlyElementsOf(Files.readAllLines(RECORDED));
    }

    private void commandsAndOptions() {
        CommandLine program = DocumentedCommands.commands();
        options("stateferry", program);
        below("", program);
    }

    private void below(String prefix, CommandLine command) {
        command.getSubcommands().forEach((name, below) -> {
            options(prefix + name, below);
            below(prefix + name + " ", below);
        });
    }

    private void options(String name, CommandLine command) {
        command.getCommandSpec()
                .positionalParameters()
                .forEach(parameter -> surface.add("command " + name + " " + parameter.paramLabel()));
        for (OptionSpec option : command.getCommandSpec().options()) {
            surface.add("option " + name + " " + String.join(" ", option.names())
                    + (option.arity().max() == 0 ? "" : " " + option.paramLabel())
                    + (option.defaultValue() == null ? "" : " = " + option.defaultValue()));
        }
    }

    private void exitCodes() {
        for (FailureKind kind : FailureKind.values()) {
            surface.add("exit " + kind.exitCode() + " " + kind.tag());
        }
    }

    private void json() throws IOException {
        byte[] stream = MigrationStreamBuilder.valid().build();
        Path dump = Dumps.write(folder, stream);
        Path image = Files.write(
                folder.resolve("vm.qcow2"),
                Qcow2ImageBuilder.version3(16, 4, 1 << 20)
                        .savevm("saved", stream)
                        .build()
                        .bytes());
        Path save = Files.write(
                folder.resolve("vm.save"), LibvirtSaveBuilder.valid().build());
        json("inspect qcow2", "inspect", image.toString());
        json("inspect qemu-stream", "inspect", dump.toString());
        json("inspect libvirt-save", "inspect", save.toString());
        Path archive = Files.write(folder.resolve("vm.7z"), SEVEN_ZIP);
        Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(stream, stream.length / 2));
        json("inspect other", "inspect", archive.toString());
        json("inspect qemu-stream", "inspect", cut.toString());
        json("snapshot list", "snapshot", "list", image.toString());
        json("verify", "verify", image.toString(), "--name", "saved", "--against", dump.toString(), "--sample", "50");
        json("inspect --sections", "inspect", dump.toString(), "--sections", "--pages", "--devices");
        json("export", "export", image.toString(), folder.resolve("out").toString(), "--name", "saved");
        json("snapshot rename", "snapshot", "rename", image.toString(), "saved", "renamed");
        json("snapshot delete", "snapshot", "delete", image.toString(), "renamed");
        json("import", "import", dump.toString(), "vm.qcow2", "--name", "n");
        json("import --dry-run", "import", dump.toString(), "vm.qcow2", "--name", "n", "--dry-run");
        json("failure", "inspect");
        record("history", ImportRecord.class);
        record("notification", Event.class);
        record("notify .receivers", NotificationResult.class);
    }

    private void json(String what, String... words) {
        RecordedConsole screen = new RecordedConsole(false);
        FakeInstallation installation = new FakeInstallation(
                folder, (request, progress, stop) -> FakeInstallation.imported(FakeInstallation.PC));
        String[] line = Stream.concat(Stream.of(words), Stream.of("--json")).toArray(String[]::new);
        new Program(screen.console(), installation::at, new TerminationSignals(), new ManualClock()).run(line);
        fields("json " + what, JsonMapper.shared().readTree(screen.out()));
    }

    private void fields(String prefix, JsonNode node) {
        if (prefix.endsWith(".devices")) {
            return; // its fields are the devices' names
        }
        if (node.isArray() && !node.isEmpty()) {
            fields(prefix + "[]", node.get(0));
        } else if (node.isObject()) {
            for (Map.Entry<String, JsonNode> field : node.properties()) {
                surface.add(prefix + " ." + field.getKey());
                fields(prefix + " ." + field.getKey(), field.getValue());
            }
        }
    }

    private void record(String what, Class<?> type) {
        for (RecordComponent component : type.getRecordComponents()) {
            surface.add("json " + what + " ." + component.getName());
            for (Class<?> part :
                    List.of(ImportRecord.Attempt.class, ImportRecord.FirstError.class, Event.FirstError.class)) {
                if (component.getGenericType().getTypeName().contains(part.getName())) {
                    record(what + " ." + component.getName(), part);
                }
            }
        }
    }

    private void definitions() throws IOException {
        List<String> sources = new ArrayList<>();
        try (Stream<Path> files = Files.walk(DEFINITIONS)) {
            for (Path source : files.filter(Files::isRegularFile).toList()) {
                sources.add(Files.readString(source));
            }
        }
        for (String source : sources) {
            found(DEFINITION_FIELDS, source)
                    .flatMap(fields -> Stream.of(fields.replace("\"", "").split(", ")))
                    .forEach(field -> surface.add("definition " + field));
            found(SCHEDULE, source)
                    .forEach(key -> sources.forEach(other ->
                            found(SCHEDULE_FIELD, other).forEach(field -> surface.add("definition " + key + field))));
        }
    }

    /** As the compiler has written them down; so do libraries of theirs. */
    private void settings() throws IOException {
        Enumeration<URL> found =
                StabilityTest.class.getClassLoader().getResources("META-INF/spring-configuration-metadata.json");
        while (found.hasMoreElements()) {
            try (InputStream text = found.nextElement().openStream()) {
                for (JsonNode setting : JsonMapper.shared().readTree(text).path("properties")) {
                    String name = setting.path("name").asString();
                    if (name.startsWith("stateferry.")) {
                        surface.add("setting " + name);
                    }
                }
            }
        }
    }

    private static Stream<String> found(Pattern pattern, String source) {
        return pattern.matcher(source).results().map(result -> result.group(1));
    }

    /** A migration that was released is never changed. */
    private void schema() throws IOException {
        try (Stream<Path> migrations = Files.walk(SCHEMA)) {
            for (Path migration : migrations.filter(Files::isRegularFile).toList()) {
                CRC32 sum = new CRC32();
                sum.update(Files.readAllBytes(migration));
                surface.add("schema %s %08x".formatted(SCHEMA.relativize(migration), sum.getValue()));
            }
        }
    }
}
