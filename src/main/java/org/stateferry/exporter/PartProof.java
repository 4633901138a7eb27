package org.stateferry.exporter;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.importer.image.PartName;

/**
 * Proves which pieces an unfinished export has written: a small file beside the part file, with the identity of the
 * export and of the part, and a record for each piece written. It is not forced, and neither is the part: after a crash
 * the checksums tell how far both belong together.
 *
 * <pre>
 * 8 bytes magic, 32 bytes identity, be32 length, key of the part, be32 CRC-32C of all that
 * records: be64 offset in the state, be32 size there, be64 offset in the part, be32 size there, be32 CRC-32C of the bytes,
 *          be32 CRC-32C of the record so far
 * </pre>
 *
 * <p>Not thread-safe.
 */
final class PartProof implements Closeable {
    /** The size of an identity in bytes, that of a SHA-256. */
    static final int IDENTITY_SIZE = 32;

    private static final byte[] MAGIC = "SFEXPRT1".getBytes(StandardCharsets.US_ASCII);
    private static final int HEAD_SIZE = 8 + IDENTITY_SIZE + Integer.BYTES;
    private static final int KEY_SIZE_MAX = 4096;
    private static final int RECORD_SIZE = 2 * Long.BYTES + 4 * Integer.BYTES;
    private static final int PRIVATE = 0600;

    private final Path path;
    private final LinuxFile file;
    private final FileChannel channel;
    private final String partKey;
    private long position;

    /**
     * A piece that was written.
     *
     * @param offset of its first byte in the state
     * @param size how many bytes of the state
     * @param at where in the part its bytes begin
     * @param length how many bytes they are there
     * @param checksum their CRC-32C
     */
    record Piece(long offset, int size, long at, int length, int checksum) {
        /** The offset in the state behind it. */
        long offsetEnd() {
            return offset + size;
        }

        /** The offset in the part behind it. */
        long end() {
            return at + length;
        }

        private boolean follows(Piece previous) {
            return offset >= previous.offsetEnd() && at >= previous.end() && isSensible();
        }

        private boolean isSensible() {
            return offset >= 0
                    && at >= 0
                    && size > 0
                    && size <= ReadAhead.PIECE_SIZE
                    && length > 0
                    && length <= 2 * ReadAhead.PIECE_SIZE;
        }
    }

    private PartProof(Path path, LinuxFile file, FileChannel channel, String partKey, long position) {
        this.path = path;
        this.file = file;
        this.channel = channel;
        this.partKey = partKey;
        this.position = position;
    }

    /** Where the proof of what becomes a file lies. */
    static Path pathFor(Path out) {
        return PartName.of(out.resolveSibling(out.getFileName() + ".proof"));
    }

    /** Begins a proof. What lies there must have been removed. */
    static PartProof create(Path path, byte[] identity, String partKey) throws IOException {
        LinuxFile file = LinuxFile.create(path, PRIVATE);
        try {
            FileChannel channel = file.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
            byte[] key = partKey.getBytes(StandardCharsets.UTF_8);
            ByteBuffer head = ByteBuffer.allocate(HEAD_SIZE + key.length + Integer.BYTES)
                    .put(MAGIC)
                    .put(identity)
                    .putInt(key.length)
                    .put(key);
            head.putInt(checksum(head.array(), 0, head.position()));
            writeFully(channel, head.flip(), 0);
            return new PartProof(path, file, channel, partKey, head.limit());
        } catch (IOException | RuntimeException e) {
            file.close();
            Files.deleteIfExists(path);
            throw e;
        }
    }

    /**
     * The proof that lies there, if it is ours and of the same export; null otherwise.
     *
     * @throws IOException if it cannot be read
     */
    static @Nullable PartProof find(Path path, byte[] identity) throws IOException {
        try (LinuxFile found = LinuxFile.locate(path, Links.STAY)) {
            FileStatus status = found.status();
            if (PartName.objection(status) != null || status.links() != 1) {
                return null;
            }
            LinuxFile file = found.reopen(LinuxFile.Access.WRITE);
            PartProof proof = null;
            try {
                FileChannel channel = file.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
                proof = open(path, file, channel, identity);
                return proof;
            } finally {
                if (proof == null) {
                    file.close();
                }
            }
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    private static @Nullable PartProof open(Path path, LinuxFile file, FileChannel channel, byte[] identity)
            throws IOException {
        ByteBuffer head = ByteBuffer.allocate(HEAD_SIZE + KEY_SIZE_MAX + Integer.BYTES);
        readFully(channel, head, 0);
        head.flip();
        int keySize = head.limit() < HEAD_SIZE ? -1 : head.getInt(HEAD_SIZE - Integer.BYTES);
        int end = HEAD_SIZE + keySize;
        boolean ours = keySize >= 0
                && keySize <= head.limit() - HEAD_SIZE - Integer.BYTES
                && Arrays.equals(head.array(), 0, MAGIC.length, MAGIC, 0, MAGIC.length)
                && Arrays.equals(head.array(), MAGIC.length, MAGIC.length + IDENTITY_SIZE, identity, 0, IDENTITY_SIZE)
                && head.getInt(end) == checksum(head.array(), 0, end);
        if (!ours) {
            channel.close();
            return null;
        }
        String key = new String(head.array(), HEAD_SIZE, keySize, StandardCharsets.UTF_8);
        return new PartProof(path, file, channel, key, end + Integer.BYTES);
    }

    /** The part that it speaks of. */
    String partKey() {
        return partKey;
    }

    /**
     * Reads on.
     *
     * @param previous the piece before, or null
     * @return null at the end, and at a record that is not whole or does not follow
     */
    @Nullable
    Piece next(@Nullable Piece previous) throws IOException {
        ByteBuffer record = ByteBuffer.allocate(RECORD_SIZE);
        readFully(channel, record, position);
        if (record.hasRemaining()
                || record.getInt(RECORD_SIZE - Integer.BYTES)
                        != checksum(record.array(), 0, RECORD_SIZE - Integer.BYTES)) {
            return null;
        }
        record.flip();
        Piece piece = new Piece(record.getLong(), record.getInt(), record.getLong(), record.getInt(), record.getInt());
        if (previous == null ? !piece.isSensible() : !piece.follows(previous)) {
            return null;
        }
        position += RECORD_SIZE;
        return piece;
    }

    /** Forgets the piece that was read last. */
    void unread() {
        position -= RECORD_SIZE;
    }

    /** Whether all of it has been read. */
    boolean isAtEnd() throws IOException {
        return position == channel.size();
    }

    /** Forgets all that was not read. */
    void cut() throws IOException {
        channel.truncate(position);
    }

    void add(Piece piece) throws IOException {
        ByteBuffer record = ByteBuffer.allocate(RECORD_SIZE)
                .putLong(piece.offset())
                .putInt(piece.size())
                .putLong(piece.at())
                .putInt(piece.length())
                .putInt(piece.checksum());
        record.putInt(checksum(record.array(), 0, record.position()));
        writeFully(channel, record.flip(), position);
        position += RECORD_SIZE;
    }

    private static int checksum(byte[] bytes, int from, int size) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes, from, size);
        return (int) checksum.getValue();
    }

    private static void readFully(FileChannel channel, ByteBuffer target, long from) throws IOException {
        long at = from;
        while (target.hasRemaining()) {
            int count = channel.read(target, at);
            if (count < 0) {
                return;
            }
            at += count;
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes, long from) throws IOException {
        long at = from;
        while (bytes.hasRemaining()) {
            at += channel.write(bytes, at);
        }
    }

    /** Removes it; it stays open. */
    void delete() throws IOException {
        Files.deleteIfExists(path);
    }

    @Override
    public void close() throws IOException {
        try (file) {
            channel.close();
        }
    }
}
