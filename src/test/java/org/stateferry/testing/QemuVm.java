package org.stateferry.testing;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.opentest4j.TestAbortedException;
import tools.jackson.databind.JsonNode;

/**
 * A virtual machine of {@code qemu-system-x86_64} under TCG. Its serial output goes to a file, its monitor is QMP over
 * standard input and output. Closing it ends this process and no other. For one thread.
 */
public final class QemuVm implements AutoCloseable {
    private static final Duration LIMIT = QmpMonitor.LIMIT;

    private final Process process;
    private final Path serial;
    private final Path errors;
    private final QmpMonitor monitor;

    private QemuVm(Process process, Path serial, Path errors, QmpMonitor monitor) {
        this.process = process;
        this.serial = serial;
        this.errors = errors;
        this.monitor = monitor;
    }

    /**
     * Starts a machine with 16 MiB and these IDE disks; the first is the boot disk.
     *
     * @param machine the value of {@code -M}
     */
    public static QemuVm boot(String machine, Path... disks) {
        return boot(machine, List.of(), disks);
    }

    /** The same with more of QEMU's options. */
    public static QemuVm boot(String machine, List<String> options, Path... disks) {
        List<String> arguments = smallMachine(machine, disks);
        arguments.addAll(options);
        return start(Path.of("."), arguments);
    }

    /** Starts the same machine from a snapshot inside its disks. */
    public static QemuVm resume(String machine, String snapshot, Path... disks) {
        return boot(machine, List.of("-loadvm", snapshot), disks);
    }

    /**
     * Starts a machine from any arguments; accelerator, serial port and monitor are added.
     *
     * @param directory where relative file names among the arguments are looked up
     */
    public static QemuVm start(Path directory, List<String> arguments) {
        return start(NewestQemu.program("qemu-system-x86_64"), directory, arguments);
    }

    /** The same with another of QEMU's programs, for example {@code qemu-system-s390x}. */
    public static QemuVm start(String program, Path directory, List<String> arguments) {
        try {
            Path serial = Files.createTempFile("stateferry-test", ".serial");
            Path errors = Files.createTempFile("stateferry-test", ".err");
            List<String> command = new ArrayList<>(List.of(program, "-nodefaults", "-display", "none"));
            command.addAll(List.of("-accel", "tcg", "-serial", "file:" + serial, "-qmp", "stdio"));
            command.addAll(arguments);
            Process process = new ProcessBuilder(command)
                    .directory(directory.toFile())
                    .redirectError(errors.toFile())
                    .start();
            return connect(process, serial, errors);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static QemuVm connect(Process process, Path serial, Path errors) {
        try {
            return new QemuVm(process, serial, errors, QmpMonitor.connect(process));
        } catch (AssertionError e) {
            process.destroyForcibly();
            throw new AssertionError(e.getMessage() + ": " + readText(errors), e);
        }
    }

    private static List<String> smallMachine(String machine, Path... disks) {
        List<String> arguments = new ArrayList<>(List.of("-M", machine, "-m", "16"));
        for (Path disk : disks) {
            arguments.addAll(List.of("-drive", "file=" + disk + ",if=ide,format=qcow2"));
        }
        return arguments;
    }

    /** All that the guest has printed on its serial port so far. */
    public String serialText() {
        return readText(serial);
    }

    /** Waits until the serial output satisfies a condition, and returns it. */
    public String awaitSerial(String description, Predicate<String> condition) {
        await(description)
                .atMost(LIMIT)
                .pollInterval(Duration.ofMillis(20))
                .failFast("QEMU runs", () -> {
                    if (!process.isAlive()) {
                        throw new AssertionError("QEMU ended: " + readText(errors));
                    }
                })
                .until(() -> condition.test(serialText()));
        return serialText();
    }

    /** Stops the guest's processors. */
    public void stop() {
        monitor.execute("stop", Map.of());
    }

    /** Lets the guest run on. */
    public void cont() {
        monitor.execute("cont", Map.of());
    }

    /** The run state, for example {@code running}, {@code paused} or {@code postmigrate}. */
    public String status() {
        return monitor.execute("query-status", Map.of()).path("status").asString();
    }

    /** Makes a snapshot with vmstate, as the monitor command {@code savevm} does. */
    public void savevm(String name) {
        human("savevm " + name);
    }

    /** Makes a snapshot of one disk alone, as libvirt does it; the guest's clock is recorded. */
    public void snapshotDisk(String device, String name) {
        monitor.execute("blockdev-snapshot-internal-sync", Map.of("device", device, "name", name));
    }

    /** Reverts to a snapshot with vmstate. */
    public void loadvm(String name) {
        human("loadvm " + name);
    }

    /** Loads a state from one image and leaves all others as they are; the machine was started with {@code -S}. */
    public void snapshotLoad(String name, String node) {
        Map<String, ?> arguments = Map.of("job-id", "load", "tag", name, "vmstate", node, "devices", List.of(node));
        monitor.execute("snapshot-load", arguments);
        await("snapshot-load")
                .atMost(LIMIT)
                .pollInterval(Duration.ofMillis(20))
                .until(
                        () -> monitor.execute("query-jobs", Map.of()).path(0),
                        job -> job.path("status").asString("").equals("concluded"));
        JsonNode job = monitor.execute("query-jobs", Map.of()).path(0);
        if (job.has("error")) {
            throw new AssertionError("snapshot-load: " + job.path("error").asString());
        }
    }

    /** Lets the guest run on while it is saved; skips the test where the system has no write protection for that. */
    public void assumeBackgroundSnapshots() {
        Map<String, ?> capability = Map.of("capability", "background-snapshot", "state", true);
        try {
            monitor.execute("migrate-set-capabilities", Map.of("capabilities", List.of(capability)));
        } catch (AssertionError e) {
            if (String.valueOf(e.getMessage()).contains("not supported by")) {
                throw new TestAbortedException("no background snapshots: " + e.getMessage(), e);
            }
            throw e;
        }
    }

    /** Lets a migration take all that the machine can do, instead of 128 MiB a second. */
    public void liftMigrationRateLimit() {
        human("migrate_set_parameter max-bandwidth 1T");
    }

    /** Waits until a machine that was started with {@code -incoming} has loaded its state. */
    public void awaitIncoming() {
        await("incoming migration")
                .atMost(LIMIT)
                .pollInterval(Duration.ofMillis(20))
                .until(this::status, status -> !status.equals("inmigrate"));
    }

    /** Writes the machine's state to a file with {@code migrate exec:cat>FILE} and waits until that is complete. */
    public void migrateTo(Path dump) {
        migrateInto("cat>'" + dump.toAbsolutePath() + "'");
    }

    /** Writes the machine's state to a command's standard input and waits until that has taken it. */
    public void migrateInto(String command) {
        migrate("exec:" + command);
    }

    /** Writes the machine's state to any place that QEMU can migrate to and waits until that is complete. */
    public void migrate(String uri) {
        monitor.execute("migrate", Map.of("uri", uri));
        await("migration to " + uri)
                .atMost(LIMIT)
                .pollInterval(Duration.ofMillis(20))
                .until(this::migrationStatus, status -> !status.equals("setup") && !status.equals("active"));
        if (!migrationStatus().equals("completed")) {
            throw new AssertionError("migration " + migrationStatus() + ": " + readText(errors));
        }
    }

    private String migrationStatus() {
        JsonNode status = monitor.execute("query-migrate", Map.of()).path("status");
        return status.asString("setup");
    }

    /** Ends QEMU in good order, its images closed. */
    public void quit() {
        monitor.execute("quit", Map.of());
        if (!hasEnded()) {
            throw new AssertionError("QEMU did not quit");
        }
    }

    private void human(String commandLine) {
        String answer = monitor.execute("human-monitor-command", Map.of("command-line", commandLine))
                .asString("");
        if (!answer.isBlank()) {
            throw new AssertionError(commandLine + ": " + answer);
        }
    }

    private boolean hasEnded() {
        try {
            return process.waitFor(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for QEMU", e);
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        hasEnded();
        try {
            Files.deleteIfExists(serial);
            Files.deleteIfExists(errors);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String readText(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
