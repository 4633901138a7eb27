package org.stateferry.storage;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.stateferry.testing.OtherJvm;

/** Another process that takes a lock on a file, as QEMU does; it holds it until its standard input ends. */
final class LockingProcess implements AutoCloseable {
    /** In the place of a first byte. */
    private static final long CHANGING = -1;

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
        return new LockingProcess(
                new ProcessBuilder(OtherJvm.command(LockingProcess.class, file, firstByte, lastByte, shared))
                        .redirectErrorStream(true)
                        .start());
    }

    /** Starts a process that takes so many locks and drops them again, all the time. */
    static LockingProcess startToChange(Path file, int count) throws IOException {
        return start(file, CHANGING, count, false);
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
        try (FileChannel channel =
                FileChannel.open(Path.of(arguments[0]), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (first == CHANGING) {
                change(channel, Integer.parseInt(arguments[2]));
            } else {
                hold(channel, first, Long.parseLong(arguments[2]) - first + 1, Boolean.parseBoolean(arguments[3]));
            }
        }
    }

    private static void hold(FileChannel channel, long first, long count, boolean shared) throws IOException {
        try (FileLock lock = channel.tryLock(first, count, shared)) {
            System.out.println(lock == null ? "refused" : "locked");
            while (System.in.read() >= 0) {
                // nothing is ever sent; the end is the sign to go
            }
        }
    }

    private static void change(FileChannel channel, int count) throws IOException {
        System.out.println("locked");
        CompletableFuture<Void> end = CompletableFuture.runAsync(LockingProcess::awaitEnd);
        Deque<FileLock> locks = new ArrayDeque<>();
        while (!end.isDone()) {
            while (locks.size() < count) {
                locks.add(channel.lock(2L * locks.size(), 1, false));
            }
            while (!locks.isEmpty()) {
                locks.remove().release();
            }
        }
    }

    private static void awaitEnd() {
        try {
            while (System.in.read() >= 0) {
                // as above
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
