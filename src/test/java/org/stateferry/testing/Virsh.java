package org.stateferry.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.opentest4j.TestAbortedException;

/**
 * A real libvirt without a daemon: one {@code virsh} that has libvirt's QEMU driver in its own process, in the root that
 * {@code in-root} beside the newest QEMU leads to. What the driver keeps is in a folder of the test. For one thread.
 *
 * <p>The root shows {@code /tmp} of this machine as {@code /tmp/host}; a link in it lets the test's folder have the same path on both
 * sides, as files are compared by their paths.
 */
public final class Virsh implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final Path SHARED = Path.of("/tmp");

    private final Process process;
    private final Path link;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private int commands;

    private Virsh(Process process, Path link) {
        this.process = process;
        this.link = link;
        Thread reader = new Thread(this::readLines, "virsh-output");
        reader.setDaemon(true);
        reader.start();
    }

    /**
     * Starts it, or skips the test where nobody may enter another root.
     *
     * @param folder the test's, below {@code /tmp}
     */
    public static Virsh start(Path folder) {
        Path tools = Path.of(System.getProperty(NewestQemu.FOLDER, ""));
        Path inRoot = tools.resolve("in-root");
        Path root = tools.resolveSibling("root");
        if (!Files.isExecutable(inRoot) || !Files.isExecutable(root.resolve("usr/bin/virsh"))) {
            throw new AssertionError("no libvirt beside the newest QEMU in " + tools);
        }
        if (!folder.startsWith(SHARED)) {
            throw new AssertionError(folder + " is not below " + SHARED + ", which the other root shows");
        }
        if (!"root".equals(System.getProperty("user.name"))) {
            throw new TestAbortedException("only root may enter the root that libvirt is in");
        }
        try {
            Path top = SHARED.resolve(SHARED.relativize(folder).getName(0));
            Path link = root.resolve("tmp").resolve(top.getFileName());
            Files.createSymbolicLink(link, Path.of("host").resolve(top.getFileName()));
            Path state = Files.createDirectories(folder.resolve("libvirt"));
            Files.createDirectory(state.resolve("etc"));
            Files.writeString(
                    state.resolve("etc/qemu.conf"),
                    "stdio_handler = \"file\"\nuser = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\n"
                            + "namespaces = []\ncgroup_controllers = []\ndynamic_ownership = 0\nremember_owner = 0\n");
            Process process = new ProcessBuilder(
                            inRoot.toString(),
                            "stdbuf",
                            "-oL", // its answers are waited for
                            "virsh",
                            "-q",
                            "-c",
                            "qemu:///embed?root=" + state)
                    .redirectErrorStream(true)
                    .start();
            return new Virsh(process, link);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void readLines() {
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                lines.add(line);
            }
        } catch (IOException e) {
            lines.add("error: " + e);
        }
    }

    /** Has a command done, and returns what it has printed; an error fails the test. */
    public String run(String command) {
        commands++;
        String mark = "done-" + commands;
        try {
            process.getOutputStream().write((command + "\necho " + mark + "\n").getBytes(StandardCharsets.UTF_8));
            process.getOutputStream().flush();
            List<String> printed = new ArrayList<>();
            long beginNanos = System.nanoTime();
            while (true) {
                String line = lines.poll(1, TimeUnit.SECONDS);
                if (line == null) {
                    if (!process.isAlive() || System.nanoTime() - beginNanos > LIMIT.toNanos()) {
                        throw new AssertionError("virsh did not answer to '" + command + "': " + printed);
                    }
                    continue;
                }
                if (line.strip().endsWith(mark) && !line.contains("echo")) {
                    break;
                }
                printed.add(line);
            }
            String text = String.join("\n", printed);
            if (printed.stream().anyMatch(line -> line.contains("error: "))) {
                throw new AssertionError("virsh " + command + ": " + text);
            }
            return text;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Ends it; guests must have been ended before. */
    @Override
    public void close() {
        try {
            process.getOutputStream().write("quit\n".getBytes(StandardCharsets.UTF_8));
            process.getOutputStream().close();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
            Files.deleteIfExists(link);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
