package org.stateferry.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What is done to the name of an image that is being made, as {@link ImageFile} is what is done to its content: a seam
 * between the program and the operating system, so that a test can let any of it fail. The methods here are the system's.
 */
public interface FileNames {
    /** The operating system itself. */
    FileNames SYSTEM = new FileNames() {};

    /** Gives a file one more name; fails if that name is taken. */
    default void link(Path file, Path name) throws IOException {
        Files.createLink(name, file);
    }

    /**
     * Gives a file another name; fails if that is taken. Other than for {@link #link} there is a moment between the look
     * at the name and the move.
     */
    default void move(Path file, Path name) throws IOException {
        Files.move(file, name);
    }

    /** Takes a name away. */
    default void delete(Path name) throws IOException {
        Files.delete(name);
    }

    /** Returns when the names in a folder are on stable storage. */
    default void force(Path folder) throws IOException {
        try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
            names.force(true);
        }
    }
}
