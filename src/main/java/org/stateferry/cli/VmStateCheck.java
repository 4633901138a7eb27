package org.stateferry.cli;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;

/**
 * What came of reading a snapshot's vmstate back.
 *
 * @param entry the snapshot
 * @param readSize where what was read ends; behind the size that the table entry gives if the vmstate reaches further
 * @param dump what it was compared with, or null
 * @param firstDifference the first stream byte that differs from the dump, or -1 if none does or nothing was compared
 */
record VmStateCheck(
        SnapshotTableEntry entry, long readSize, @Nullable Path dump, long firstDifference) {
    private static final int PIECE_SIZE = 1024 * 1024;
    private static final long NO_DIFFERENCE = -1;

    /** Reads the whole vmstate. */
    static VmStateCheck readBack(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        long end = new VmStateReader(image, entry).readStored(ByteBuffer.allocate(PIECE_SIZE));
        return new VmStateCheck(entry, end, null, NO_DIFFERENCE);
    }

    /** Reads the vmstate up to its end or the first byte that is not the dump's. */
    static VmStateCheck compare(Qcow2Image image, SnapshotTableEntry entry, DumpSource dump)
            throws StateferryException {
        VmStateReader reader = new VmStateReader(image, entry);
        ByteBuffer inImage = ByteBuffer.allocate(PIECE_SIZE);
        ByteBuffer inDump = ByteBuffer.allocate(PIECE_SIZE);
        // A state that reaches behind its size is compared as far as the dump does.
        long end = Math.min(reader.end(), Math.max(entry.vmStateSize(), dump.streamLength()));
        long offset = 0;
        try (PieceStream pieces = dump.pieces(0)) {
            while (true) {
                reader.read(inImage.clear(), offset, end);
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
