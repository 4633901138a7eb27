package org.stateferry.qcow2.vmstate;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.stateferry.bytes.Alignment;
import org.stateferry.error.StateferryException;

/**
 * What a vmstate must read back as: SHA-256 over the CRC-32C of each of its pieces, as 32-bit big-endian numbers in the order of the
 * stream. So an import, which has the CRC of every buffer that it has written, in whatever order, need not read anything twice.
 *
 * @param pieceSize bytes of a piece; the last one may be shorter
 * @param size bytes in all, up to the end of the last cluster
 * @param digest SHA-256 in hexadecimal digits
 */
public record StateChecksum(int pieceSize, long size, String digest) {
    private static final Pattern TEXT = Pattern.compile("(\\d{1,8}):(\\d{1,18}):([0-9a-f]{64})");
    private static final int PIECE_SIZE_MAX = 4 << 20;
    private static final int DEFAULT_PIECE_SIZE = 1 << 20;

    public StateChecksum {
        if (pieceSize < 1 || pieceSize > PIECE_SIZE_MAX || size < 0) {
            throw new IllegalArgumentException(pieceSize + " bytes of " + size);
        }
    }

    /**
     * Reads what {@link #toString} has written.
     *
     * @throws IllegalArgumentException if it is something else
     */
    public static StateChecksum parse(String text) {
        Matcher parts = TEXT.matcher(text);
        if (!parts.matches()) {
            throw new IllegalArgumentException("'" + text + "' is no checksum of a saved state");
        }
        return new StateChecksum(Integer.parseInt(parts.group(1)), Long.parseLong(parts.group(2)), parts.group(3));
    }

    /** For the job repository and the service's memory. */
    @Override
    public String toString() {
        return pieceSize + ":" + size + ":" + digest;
    }

    /** The checksum of pieces whose CRCs are told in the order of the stream. Not thread-safe. */
    public static final class Sum {
        private final MessageDigest digest = sha256();
        private final int pieceSize;
        private long size;

        /** @param pieceSize bytes of all pieces but the last, which may be shorter */
        public Sum(int pieceSize) {
            this.pieceSize = pieceSize;
        }

        /** @param crc the CRC-32C of the next piece */
        public void add(int crc, int pieceSize) {
            digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, crc));
            size += pieceSize;
        }

        /** The checksum of all that was added; nothing is added after that. */
        public StateChecksum end() {
            return new StateChecksum(pieceSize, size, HexFormat.of().formatHex(digest.digest()));
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e); // every JVM has it
            }
        }
    }

    /**
     * Reads a vmstate in pieces, which can be done by several readers of the same snapshot one after the other. Memory is that of
     * one piece. Not thread-safe.
     */
    public static final class Reading {
        private final ByteBuffer piece;
        private final long size;
        private final Sum sum;
        private volatile long position;

        private Reading(int pieceSize, long size) {
            this.piece = ByteBuffer.allocate(pieceSize);
            this.size = size;
            this.sum = new Sum(pieceSize);
        }

        /** Reads a vmstate that is to be compared. */
        public static Reading of(StateChecksum expected) {
            return new Reading(expected.pieceSize, expected.size);
        }

        /**
         * Reads a vmstate whose checksum is not known.
         *
         * @param clusterSize of its image
         */
        public static Reading of(VmStateReader reader, int clusterSize) throws StateferryException {
            return new Reading(Math.max(clusterSize, DEFAULT_PIECE_SIZE), Alignment.alignUp(reader.end(), clusterSize));
        }

        /** Whether all was read. */
        public boolean isComplete() {
            return position >= size;
        }

        /** How many bytes were read. */
        public long position() {
            return position;
        }

        /** Reads the next piece. If that fails it can be read again. */
        public void readNext(VmStateReader reader) throws StateferryException {
            int count = reader.read(piece.clear(), position, size);
            CRC32C crc = new CRC32C();
            crc.update(piece.flip());
            sum.add((int) crc.getValue(), count);
            position += count;
        }

        /** The checksum of what was read, to be asked for once. */
        public StateChecksum end() {
            return sum.end();
        }
    }
}
