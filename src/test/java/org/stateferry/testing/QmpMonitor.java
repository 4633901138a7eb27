package org.stateferry.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The QEMU Machine Protocol over a QEMU process's standard input and output: one JSON object a line, answers in the order
 * of the commands, events in between (skipped here). For one thread.
 */
final class QmpMonitor {
    /** How long QEMU may take for anything; the benchmark, whose machines are large, allows more. */
    static final Duration LIMIT = Duration.ofSeconds(Long.getLong("stateferry.qemuSeconds", 60));

    private static final JsonMapper JSON = JsonMapper.builder().build();
    /** Stands in the queue for the end of QEMU's output. */
    private static final String END = "";

    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final Writer commands;

    private QmpMonitor(Process qemu) {
        commands = qemu.outputWriter(StandardCharsets.UTF_8);
        Thread reader = new Thread(() -> readLines(qemu), "qmp-reader");
        reader.setDaemon(true);
        reader.start();
    }

    /** Waits for QEMU's greeting and leaves the negotiation mode. */
    static QmpMonitor connect(Process qemu) {
        QmpMonitor monitor = new QmpMonitor(qemu);
        monitor.nextMessage();
        monitor.execute("qmp_capabilities", Map.of());
        return monitor;
    }

    /** Executes one command and returns what it returned; an error is a failed assertion. */
    JsonNode execute(String command, Map<String, ?> arguments) {
        try {
            commands.write(JSON.writeValueAsString(Map.of("execute", command, "arguments", arguments)) + "\n");
            commands.flush();
        } catch (IOException e) {
            throw new AssertionError("QEMU takes no command: " + command, e);
        }
        while (true) {
            JsonNode message = nextMessage();
            if (message.has("return")) {
                return message.get("return");
            }
            if (message.has("error")) {
                throw new AssertionError(command + ": " + message.get("error"));
            }
        }
    }

    private JsonNode nextMessage() {
        try {
            String line = lines.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
            if (line == null || line.equals(END)) {
                throw new AssertionError(line == null ? "QEMU does not answer" : "QEMU has ended");
            }
            return JSON.readTree(line);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for QEMU", e);
        }
    }

    private void readLines(Process qemu) {
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(qemu.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(line);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            lines.add(END);
        }
    }
}
