package org.stateferry.cli;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.Sample;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;
import org.stateferry.source.StoredStream;

/**
 * The result of reading back a snapshot's vmstate.
 *
 * @param entry the snapshot
 * @param readSize where what was read ends; behind the size that the table entry gives if the vmstate reaches further
 * @param bytesRead how many bytes were read; fewer than {@code readSize} if only a share was asked for
 * @param dump what it was compared with, or null
 * @param firstDifference the first stream byte that differs from the dump, or -1 if none does or nothing was compared
 */
record VmStateCheck(
        SnapshotTableEntry entry,
        long readSize,
        long bytesRead,
        @Nullable Path dump,
        long firstDifference) {
    /** Of a share that is read. */
    private static final int PIECE_SIZE = 1024 * 1024;
    /** Where all is read: two of them stay in a processor's second cache until they are compared. */
    private static final int SLICE_SIZE = 128 * 1024;

    private static final long NO_DIFFERENCE = -1;

    /**
     * Reads the vmstate.
     *
     * @param sample chooses the pieces to read; null reads all
     * @param judged whether a stream in it has to be sound ({@link StoredStream#requireSound})
     */
    static VmStateCheck readBack(Qcow2Image image, SnapshotTableEntry entry, @Nullable Sample sample, boolean judged)
            throws StateferryException {
        VmStateReader reader = new VmStateReader(image, entry);
        ByteBuffer piece = memory(sample);
        long read = sample == null
                ? reader.readStored(piece, Cancellation.NEVER)
                : reader.readSample(piece, sample, Cancellation.NEVER);
        if (judged) {
            new StoredStream(image, entry).requireSound();
        }
        return new VmStateCheck(entry, sample == null ? read : entry.vmStateSize(), read, null, NO_DIFFERENCE);
    }

    /**
     * Reads the vmstate up to its end or the first byte that is not the dump's.
     *
     * @param sample chooses the pieces to read; null reads all
     */
    static VmStateCheck compare(Qcow2Image image, SnapshotTableEntry entry, DumpSource dump, @Nullable Sample sample)
            throws StateferryException {
        VmStateReader reader = new VmStateReader(image, entry);
        ByteBuffer inImage = memory(sample);
        ByteBuffer inDump = memory(sample);
        int pieceSize = inDump.capacity();
        long length = dump.streamLength().orElse(entry.vmStateSize());
        // A state that reaches behind its size is compared as far as the dump does.
        long storedEnd = reader.end();
        long end = Math.min(storedEnd, Math.max(entry.vmStateSize(), length));
        if (sample != null && end != length) {
            return new VmStateCheck(entry, end, 0, dump.path(), Math.min(end, length));
        }
        long read = 0;
        PieceStream pieces = dump.pieces(0);
        try {
            for (long offset = 0; ; offset += pieceSize) {
                long next = sample == null ? offset : nextTaken(sample, offset, end);
                if (next != offset && dump.access() == DumpSource.Access.RANDOM) {
                    pieces.close();
                    pieces = dump.pieces(Math.min(next, end));
                    offset = next;
                }
                while (offset < next) {
                    int passed = pieces.read(inDump.clear());
                    if (passed < Math.min(pieceSize, next - offset)) {
                        return new VmStateCheck(entry, end, read, dump.path(), offset + passed);
                    }
                    offset += passed;
                }
                pieces.read(inDump.clear());
                long compared =
                        Math.max(entry.vmStateSize(), offset + inDump.flip().limit());
                reader.read(inImage.clear(), offset, Math.min(storedEnd, compared));
                int mismatch = inImage.flip().mismatch(inDump);
                read += mismatch >= 0 ? mismatch : inImage.remaining();
                if (mismatch >= 0) {
                    return new VmStateCheck(entry, offset + mismatch, read, dump.path(), offset + mismatch);
                }
                if (inImage.remaining() < pieceSize) {
                    return new VmStateCheck(entry, offset + inImage.remaining(), read, dump.path(), NO_DIFFERENCE);
                }
            }
        } finally {
            pieces.close();
        }
    }

    /** For what is read at once: direct, so that nothing is copied on its way here. */
    private static ByteBuffer memory(@Nullable Sample sample) {
        return ByteBuffer.allocateDirect(sample == null ? SLICE_SIZE : PIECE_SIZE);
    }

    /** The offset of the first piece from {@code offset} on that the sample takes, or the end. */
    private static long nextTaken(Sample sample, long offset, long end) {
        long next = offset;
        while (next < end && !sample.takesNext()) {
            next += PIECE_SIZE;
        }
        return Math.min(next, end);
    }

    public boolean differs() {
        return firstDifference != NO_DIFFERENCE;
    }
}
