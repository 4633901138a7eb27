package org.stateferry.cli;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.VmStateReader;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;

/**
 * What came of reading a snapshot's vmstate back.
 *
 * @param entry the snapshot
 * @param readSize bytes read
 * @param dump what it was compared with, or null
 * @param firstDifference the first stream byte that differs from the dump, or -1 if none does or nothing was compared
 */
record VmStateCheck(
        SnapshotTableEntry entry, long readSize, @Nullable Path dump, long firstDifference) {
    private static final int PIECE_SIZE = 1024 * 1024;
    private static final long NO_DIFFERENCE = -1;

    /** Reads the whole vmstate. */
    static VmStateCheck readBack(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        VmStateReader reader = new VmStateReader(image, entry);
        ByteBuffer piece = ByteBuffer.allocate(PIECE_SIZE);
        long offset = 0;
        for (int size = reader.read(piece, offset); size > 0; size = reader.read(piece.clear(), offset)) {
            offset += size;
        }
        return new VmStateCheck(entry, offset, null, NO_DIFFERENCE);
    }

    /** Reads the vmstate up to its end or the first byte that is not the dump's. */
    static VmStateCheck compare(Qcow2Image image, SnapshotTableEntry entry, DumpSource dump)
            throws StateferryException {
        VmStateReader reader = new VmStateReader(image, entry);
        ByteBuffer inImage = ByteBuffer.allocate(PIECE_SIZE);
        ByteBuffer inDump = ByteBuffer.allocate(PIECE_SIZE);
        long offset = 0;
        try (PieceStream pieces = dump.pieces(0)) {
            while (true) {
                reader.read(inImage.clear(), offset);
                pieces.read(inDump.clear());
                int mismatch = inImage.flip().mismatch(inDump.flip());
                if (mismatch >= 0) {
                    return new VmStateCheck(entry, offset + mismatch, dump.path(), offset + mismatch);
                }
                if (!inImage.hasRemaining()) {
                    return new VmStateCheck(entry, offset, dump.path(), NO_DIFFERENCE);
                }
                offset += inImage.remaining();
            }
        }
    }

    public boolean differs() {
        return firstDifference != NO_DIFFERENCE;
    }
}
