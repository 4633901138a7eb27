package org.stateferry.storage;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;

/** Another process that takes a lock on a file, as QEMU does; it holds it until its standard input ends. */
final class LockingProcess implements AutoCloseable {
    private final Process process;
    private final String outcome;

    private LockingProcess(Process process) throws IOException {
        this.process = process;
        BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        this.outcome = String.valueOf(output.readLine());
    }

    /** Starts a process that tries to lock bytes once. */
    static LockingProcess start(Path file, long firstByte, long lastByte, boolean shared) throws IOException {
        return new LockingProcess(new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path").replaceAll(File.pathSeparator + "+$", ""),
                        LockingProcess.class.getName(),
                        file.toString(),
                        Long.toString(firstByte),
                        Long.toString(lastByte),
                        Boolean.toString(shared))
                .redirectErrorStream(true)
                .start());
    }

    /** Whether the process got the lock. */
    boolean hasLock() {
        if (!outcome.equals("locked") && !outcome.equals("refused")) {
            throw new AssertionError("the other process said: " + outcome);
        }
        return outcome.equals("locked");
    }

    /** Ends the process, and with it its lock. */
    @Override
    public void close() throws IOException, InterruptedException {
        process.getOutputStream().close();
        if (!process.waitFor(20, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
            throw new AssertionError("the other process did not end by itself");
        }
    }

    public static void main(String[] arguments) throws IOException {
        long first = Long.parseLong(arguments[1]);
        long count = Long.parseLong(arguments[2]) - first + 1;
        try (FileChannel channel =
                        FileChannel.open(Path.of(arguments[0]), StandardOpenOption.READ, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock(first, count, Boolean.parseBoolean(arguments[3]))) {
            System.out.println(lock == null ? "refused" : "locked");
            while (System.in.read() >= 0) {
                // nothing is ever sent; the end is the sign to go
            }
        }
    }
}
