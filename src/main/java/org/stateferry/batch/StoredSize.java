package org.stateferry.batch;

import java.nio.ByteBuffer;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.StateferryException;
import org.stateferry.source.PieceStream;

/** Finds out how much of a dump needs space in the image: clusters of zeros need none. */
final class StoredSize {
    private final ImportSession session;
    private final int clusterSize;

    StoredSize(ImportSession session) {
        this.session = session;
        this.clusterSize = session.image().geometry().clusterSize();
    }

    /**
     * Reads the stream from {@code position}, the start of a cluster, up to its end or until more than {@code limit} bytes
     * of it need space.
     *
     * @return bytes of whole clusters that are not zero; above the limit if not all was looked at
     */
    long measure(long position, long limit) throws StateferryException {
        ByteBuffer piece = ByteBuffer.allocateDirect(TransferSettings.bufferSize(clusterSize));
        long stored = 0;
        try (PieceStream stream = session.dump().pieces(position)) {
            while (stored <= limit && fill(piece, stream)) {
                session.requireNotStopped();
                for (int at = 0; at < piece.limit(); at += clusterSize) {
                    stored += ZeroBytes.fill(piece, at, clusterSize) ? 0 : clusterSize;
                }
            }
        }
        return stored;
    }

    /** Reads whole clusters, the last one filled up with zeros; false at the stream's end. */
    private boolean fill(ByteBuffer piece, PieceStream stream) throws StateferryException {
        piece.clear();
        while (piece.hasRemaining() && stream.read(piece) > 0) {
            // goes on until the piece is full or the stream ends
        }
        int size = piece.position();
        ZeroBytes.put(piece, (int) Alignment.alignUp(size, clusterSize) - size);
        piece.flip();
        return size > 0;
    }
}
