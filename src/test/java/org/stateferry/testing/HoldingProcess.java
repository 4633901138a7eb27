package org.stateferry.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A process that has a file open and locks nothing, as QEMU does with {@code locking=off}. */
public final class HoldingProcess implements AutoCloseable {
    private final Process shell;

    private HoldingProcess(Process shell) {
        this.shell = shell;
    }

    /** Opens a file for reading and writing. */
    public static HoldingProcess start(Path file) throws IOException {
        return start(file, "<>");
    }

    /**
     * Opens a file.
     *
     * @param redirection how, as the shell has it
     */
    public static HoldingProcess start(Path file, String redirection) throws IOException {
        Process shell = new ProcessBuilder(
                        "sh", "-c", "exec 7" + redirection + "\"$0\"; echo open; read end; :", file.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BufferedReader output =
                new BufferedReader(new InputStreamReader(shell.getInputStream(), StandardCharsets.US_ASCII));
        String line = output.readLine();
        if (!"open".equals(line)) {
            throw new AssertionError("the other process said: " + line);
        }
        return new HoldingProcess(shell);
    }

    /** Its number. */
    public long pid() {
        return shell.pid();
    }

    /** Ends the process; a second time does nothing. */
    @Override
    public void close() throws IOException, InterruptedException {
        shell.getOutputStream().close();
        if (!shell.waitFor(20, TimeUnit.SECONDS)) {
            shell.destroyForcibly().waitFor();
            throw new AssertionError("the other process did not end by itself");
        }
    }
}
