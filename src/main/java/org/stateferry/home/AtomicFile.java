package org.stateferry.home;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Writes small text files so that a reader sees either the old or the new content, never a part of it. */
public final class AtomicFile {
    private AtomicFile() {}

    /**
     * Replaces {@code target}. The caller is the file's only writer. Nothing is forced to disk: the content is of no use
     * after a power cut.
     */
    public static void replace(Path target, String content) throws IOException {
        Path fresh = target.resolveSibling(target.getFileName() + ".tmp");
        Files.writeString(fresh, content);
        Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /**
     * Makes {@code target} unless it exists; of several writers at once exactly one wins. When this returns the winner's
     * content is on stable storage.
     */
    static void createOnce(Path target, String content) throws IOException {
        Path folder = target.toAbsolutePath().getParent();
        Path fresh = Files.createTempFile(folder, target.getFileName() + ".", ".tmp");
        try {
            try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
                ByteBuffer bytes = ByteBuffer.wrap(content.getBytes(StandardCharsets.UTF_8));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                // The name must not become visible before the bytes are there.
                channel.force(true);
            }
            linkOrMove(fresh, target);
            try (FileChannel entries = FileChannel.open(folder, StandardOpenOption.READ)) {
                entries.force(true);
            }
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    /** A hard link, unlike a rename, refuses to replace the file of a faster process. */
    private static void linkOrMove(Path fresh, Path target) throws IOException {
        try {
            Files.createLink(target, fresh);
        } catch (FileAlreadyExistsException e) {
            return;
        } catch (UnsupportedOperationException | IOException e) {
            if (!Files.exists(target)) {
                Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }
}
