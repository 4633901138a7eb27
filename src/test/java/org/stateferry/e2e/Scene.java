package org.stateferry.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.springframework.util.FileSystemUtils;
import org.stateferry.cli.InThisJvm;
import org.stateferry.importer.step.TransferGate;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.CommandRunner;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.TickerDump;

/**
 * What most tests start from: the demo's dump and disk in a directory of their own, both with the same time, and a launcher
 * with an empty home.
 *
 * @param directory the test's own directory
 * @param dump the saved ticker guest
 * @param image its disk at that moment
 * @param launcher the program
 */
record Scene(Path directory, Path dump, Path image, Launcher launcher) {
    /** The machine that the demo dump was saved from. */
    static final String MACHINE = "pc-i440fx-7.2";
    /** The last number that the guest printed before the save. */
    static final int LAST_TICK = 35;
    /** When dump and disk were written. */
    static final Instant SAVED_AT = Instant.parse("2026-01-02T03:04:05Z");

    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final Duration POLL = Duration.ofMillis(5);
    private static final String HOME = "home";
    private static final Path DEMO = Path.of("src/demo");

    /** Sets the scene in an empty directory, or skips the test if QEMU is missing. */
    static Scene in(Path directory) {
        QemuTools.assumeAvailable();
        return withoutQemu(directory);
    }

    /** Sets the scene in an empty directory for a test that lets no QEMU judge. */
    static Scene withoutQemu(Path directory) {
        Scene scene = new Scene(
                directory,
                directory.resolve("ticker.vmstate"),
                directory.resolve("ticker.qcow2"),
                new Launcher(directory.resolve(HOME)));
        copy(DEMO.resolve("ticker.vmstate"), scene.dump);
        copy(DEMO.resolve("ticker.qcow2"), scene.image);
        scene.setTimes(SAVED_AT);
        return scene;
    }

    /** What an earlier scene has left in its directory, with one of its dumps. */
    static Scene leftIn(Path directory, String dump) {
        return new Scene(
                directory,
                directory.resolve(dump),
                directory.resolve("ticker.qcow2"),
                new Launcher(directory.resolve(HOME)));
    }

    /** The same scene with a dump of this many mebibytes more, so that a transfer can be slowed down and watched. */
    Scene withLongDump(int mebibytes, long seed) {
        Path longDump = TickerDump.inflated(dump, path("long.vmstate"), mebibytes, seed);
        Scene scene = new Scene(directory, longDump, image, launcher);
        scene.setTimes(SAVED_AT);
        return scene;
    }

    /** The same scene with another image, whose content is still that of the save. */
    Scene withImage(Path other) {
        Scene scene = new Scene(directory, dump, other, launcher);
        scene.setTimes(SAVED_AT);
        return scene;
    }

    /** The same scene with another home. */
    Scene withLauncher(Launcher other) {
        return new Scene(directory, dump, image, other);
    }

    /** A path in the test's directory. */
    Path path(String name) {
        return directory.resolve(name);
    }

    /** A copy of the image as it is now. */
    Path copyOfImage(String name) {
        copy(image, path(name));
        return path(name);
    }

    /** A copy of everything in another directory, the program's home included. */
    Scene copyTo(Path other) throws IOException {
        FileSystemUtils.copyRecursively(home(), other.resolve(HOME));
        Scene copy = new Scene(
                other,
                other.resolve(dump.getFileName()),
                other.resolve(image.getFileName()),
                new Launcher(other.resolve(HOME)));
        copy(dump, copy.dump);
        copy(image, copy.image);
        return copy;
    }

    /** Makes another scene what this one is. Its image stays the file (the inode) that it is. */
    void restoreTo(Scene other) throws IOException {
        FileSystemUtils.deleteRecursively(other.home());
        FileSystemUtils.copyRecursively(home(), other.home());
        copy(dump, other.dump);
        Files.write(other.image, Files.readAllBytes(image));
        setTime(other.image, time(image));
    }

    /** The program's home. */
    Path home() {
        return launcher.home();
    }

    /** The program without a process of its own, on the same home: for all that a process makes no difference to. */
    CommandRunner program() {
        return new InThisJvm(home());
    }

    /** Imports the dump into the image, in this JVM. */
    CommandResult importAs(String name, String... options) {
        return program().importDump(dump, image, name, options);
    }

    /** Imports the dump into the image, in a process. */
    CommandResult launchImportAs(String name, String... options) {
        return launcher.importDump(dump, image, name, options);
    }

    /** Starts the import of the dump into the image. */
    RunningCommand startImportAs(String name, String... options) {
        return launcher.startImport(dump, image, name, options);
    }

    /**
     * Starts an import of a {@linkplain #withLongDump long dump} and returns when two mebibytes of it are in the image. There
     * it waits until {@link #openGate}, and hears a stop meanwhile.
     */
    RunningCommand startTransfer(String... options) {
        return startTransfer(2, options);
    }

    private RunningCommand startTransfer(int mebibytes, String... options) {
        RunningCommand running = withGateAt(mebibytes).launcher.startImport(dump, image, "saved", options);
        awaitGate(running);
        return running;
    }

    /** Kills an import in the middle of its transfer, with two mebibytes written. */
    void killInTransfer() {
        killInTransfer(2);
    }

    /** Kills an import when so many mebibytes are written, those of earlier attempts included. */
    void killInTransfer(int mebibytes) {
        try (RunningCommand running = startTransfer(mebibytes)) {
            running.kill();
            running.await(LIMIT);
        }
        openGate();
    }

    /** The same scene with a program whose transfers wait when so many mebibytes are in the image. */
    Scene withGateAt(int mebibytes) {
        long position = (long) mebibytes << 20;
        return withLauncher(launcher.withJavaOption("-D" + TransferGate.PROPERTY + "=" + position + ":" + gate()));
    }

    /** Waits until a transfer waits. */
    void awaitGate(RunningCommand running) {
        while (!Files.exists(gate())) {
            if (!running.isAlive()) {
                throw new AssertionError("ended before it had transferred enough: " + running.stderr());
            }
            pause(POLL);
        }
    }

    /** Lets the transfer go on that waits, or the next one. */
    void openGate() {
        try {
            Files.delete(gate());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path gate() {
        return path("gate");
    }

    static void pause(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Gives dump and image the same time of last change. */
    void setTimes(Instant time) {
        setTime(dump, time);
        setTime(image, time);
    }

    /** When a file was last changed. */
    static Instant time(Path file) {
        try {
            return Files.getLastModifiedTime(file).toInstant();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void setTime(Path file, Instant time) {
        try {
            Files.setLastModifiedTime(file, FileTime.from(time));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void copy(Path source, Path target) {
        try {
            Files.copy(source, target, StandardCopyOption.COPY_ATTRIBUTES, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
