package org.stateferry.bench;

import com.sun.nio.file.ExtendedOpenOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.FileFailures;

/**
 * A new file that takes pieces of any size at any place, cached or direct. Writes of whole blocks may come from several
 * threads, unaligned ones from one.
 */
final class TargetFile implements AutoCloseable {
    private static final int BLOCKS_MAX = 8;

    private final Path path;
    private final FileChannel channel;
    private final boolean direct;
    private final int blockSize;
    private final ByteBuffer blocks;

    private TargetFile(Path path, FileChannel channel, boolean direct, int blockSize) {
        this.path = path;
        this.channel = channel;
        this.direct = direct;
        this.blockSize = blockSize;
        this.blocks = ByteBuffer.allocateDirect((BLOCKS_MAX + 1) * blockSize).alignedSlice(blockSize);
    }

    static TargetFile create(Path path, boolean direct, int blockSize) throws IOException {
        Set<OpenOption> options = new HashSet<>(
                EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE));
        if (direct) {
            options.add(ExtendedOpenOption.DIRECT);
        }
        return new TargetFile(path, FileChannel.open(path, options), direct, blockSize);
    }

    /** Writes whole blocks. */
    void write(ByteBuffer source, long offset) throws StateferryException {
        try {
            writeFully(source, offset);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, offset, "write");
        }
    }

    /**
     * Writes the piece that follows the last one, at once. Direct access takes only whole blocks, so there the first is
     * read and written again with the piece in it, as QEMU does with requests that are not aligned ({@code block/io.c},
     * {@code bdrv_co_do_pwritev_part}); the last one, which QEMU reads as well, has no content yet.
     */
    void writeUnaligned(ByteBuffer piece, long offset) throws IOException {
        if (!direct) {
            writeFully(piece, offset);
            return;
        }
        long start = offset - offset % blockSize;
        long end = offset + piece.remaining();
        int size = (int) ((end + blockSize - 1) / blockSize * blockSize - start);
        blocks.clear().limit(size);
        if (offset > start) {
            channel.read(blocks.slice(0, blockSize), start);
        }
        blocks.position((int) (offset - start));
        blocks.put(piece);
        while (blocks.hasRemaining()) {
            blocks.put((byte) 0);
        }
        writeFully(blocks.flip(), start);
    }

    private void writeFully(ByteBuffer source, long offset) throws IOException {
        long position = offset;
        while (source.hasRemaining()) {
            position += channel.write(source, position);
        }
    }

    void force() throws IOException {
        channel.force(true);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
