package org.stateferry.host;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.stateferry.host.LinuxFile.Links;

/** Reads files that should be small: settings, definitions, messages between processes. */
public final class SmallFile {
    private static final int STEP = 4096;

    private SmallFile() {}

    /**
     * All that a file holds. What is no regular file is refused without being opened, and no more than the limit is read,
     * whatever size the file says it has.
     *
     * @param sizeMax in bytes
     * @throws java.nio.file.NoSuchFileException if there is none
     * @throws FileSystemException if it is longer or no regular file; its reason says so
     * @throws IOException if it cannot be opened or read
     */
    public static byte[] read(Path path, Links links, int sizeMax) throws IOException {
        try (LinuxFile found = LinuxFile.locateRegular(path, links);
                FileChannel channel = found.channel(StandardOpenOption.READ)) {
            return read(path, channel, sizeMax);
        }
    }

    private static byte[] read(Path path, FileChannel channel, int sizeMax) throws IOException {
        // The size is only where to begin: it may grow meanwhile, and files of /proc have none.
        ByteBuffer content = ByteBuffer.allocate((int) Math.min(channel.size() + 1, sizeMax + 1L));
        while (channel.read(content) >= 0) {
            if (!content.hasRemaining()) {
                if (content.capacity() > sizeMax) {
                    throw new FileSystemException(path.toString(), null, "it is longer than " + sizeMax + " bytes");
                }
                int larger = (int) Math.min(2L * content.capacity() + STEP, sizeMax + 1L);
                content = ByteBuffer.allocate(larger).put(content.flip());
            }
        }
        return Arrays.copyOf(content.array(), content.position());
    }
}
