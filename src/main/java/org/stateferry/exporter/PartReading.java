package org.stateferry.exporter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.host.LinuxFile;

/**
 * Reads a part file back and finds how much of it matches its proof. Memory is a piece, compressed at worst. Not
 * thread-safe.
 */
final class PartReading {
    private static final int GAP_STEP = 64 * 1024;

    private final LinuxFile file;
    private final FileChannel channel;
    private final int headSize;
    private final ByteBuffer bytes = ByteBuffer.allocate(2 * ReadAhead.PIECE_SIZE);

    /** @param headSize where in the part the state begins */
    PartReading(LinuxFile file, FileChannel channel, int headSize) {
        this.file = file;
        this.channel = channel;
        this.headSize = headSize;
    }

    /** The last piece up to which everything is as the proof says, which has been read up to there; null if the first is not. */
    PartProof.@Nullable Piece provenEnd(PartProof proof) throws IOException {
        PartProof.Piece last = null;
        for (PartProof.Piece piece = proof.next(null); piece != null; piece = proof.next(last)) {
            long gapStart = last == null ? headSize : last.end();
            if (!isZero(gapStart, piece.at()) || !hasChecksum(piece)) {
                proof.unread();
                break;
            }
            last = piece;
        }
        return last;
    }

    private boolean hasChecksum(PartProof.Piece piece) throws IOException {
        if (!read(piece.at(), piece.length())) {
            return false;
        }
        CRC32C checksum = new CRC32C();
        checksum.update(bytes);
        return (int) checksum.getValue() == piece.checksum();
    }

    private boolean isZero(long from, long to) throws IOException {
        for (long at = file.nextData(from); at < to; at = file.nextData(at)) {
            int count = (int) Math.min(GAP_STEP, to - at);
            if (!read(at, count) || !ZeroBytes.isZero(bytes, 0, count)) {
                return false;
            }
            at += count;
        }
        return true;
    }

    /** False if the file ends before. */
    private boolean read(long from, int count) throws IOException {
        bytes.clear().limit(count);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, from + bytes.position()) < 0) {
                return false;
            }
        }
        bytes.flip();
        return true;
    }
}
