package org.stateferry.testing;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * A folder that others change while it is read, the home of a running process for one: a file that replaces another (the
 * status file does, on a thread of its own) is there as it was or as it is afterwards, and its {@code .tmp} may be gone
 * between being listed and being looked at. Any other file that is gone is an error.
 */
public final class LivingFolder {
    private LivingFolder() {}

    /** The sum of the sizes of the regular files in the folder and below it, in bytes. */
    public static long size(Path folder) throws IOException {
        long[] sum = {0};
        Files.walkFileTree(folder, new Visitor() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                sum[0] += attributes.isRegularFile() ? attributes.size() : 0;
                return FileVisitResult.CONTINUE;
            }
        });
        return sum[0];
    }

    /** Copies the folder with what is below it, to what a snapshot of its file system would hold. */
    public static void copy(Path from, Path to) throws IOException {
        Files.walkFileTree(from, new Visitor() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                Files.createDirectories(to.resolve(from.relativize(directory)));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                try {
                    Files.copy(file, to.resolve(from.relativize(file)), StandardCopyOption.COPY_ATTRIBUTES);
                } catch (NoSuchFileException e) {
                    return visitFileFailed(file, e);
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static class Visitor extends SimpleFileVisitor<Path> {
        @Override
        public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException && file.toString().endsWith(".tmp")) {
                return FileVisitResult.CONTINUE;
            }
            throw e;
        }
    }
}
