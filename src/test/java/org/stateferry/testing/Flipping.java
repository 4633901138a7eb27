package org.stateferry.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** A thread that lets a path lead to one file and another in turn, as fast as it can. */
public final class Flipping implements AutoCloseable {
    private final Path path;
    private final Thread thread;
    private volatile boolean done;
    private volatile long count;

    private Flipping(Path first, Path second, Path path) {
        this.path = path;
        this.thread = new Thread(
                () -> {
                    while (!done) {
                        put(count % 2 == 0 ? second : first, path);
                        count++;
                    }
                },
                "flipping");
    }

    /** Begins; all three lie in one folder, and the path leads to the first file when this returns. */
    public static Flipping between(Path first, Path second, Path path) {
        put(first, path);
        Flipping flipping = new Flipping(first, second, path);
        flipping.thread.start();
        return flipping;
    }

    private static void put(Path what, Path where) {
        try {
            Path link = where.resolveSibling(where.getFileName() + ".next");
            Files.createLink(link, what);
            Files.move(link, where, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public String toString() {
        return path + ", exchanged " + count + " times";
    }

    @Override
    public void close() throws InterruptedException {
        done = true;
        thread.join();
    }
}
