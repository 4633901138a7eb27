package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.vmstate.VmStateWriter;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;
import org.stateferry.storage.ImageFile;
import org.stateferry.transfer.BufferPool;
import org.stateferry.transfer.TransferBuffer;
import org.stateferry.transfer.WriteLoad;

/**
 * A range of the dump that has been read and checked and that the kernel is to copy into the image. Only if it cannot,
 * it is read once more. Owned by one thread at a time.
 */
final class DumpExtent implements WriteLoad, VmStateWriter.Content {
    private final DumpSource dump;
    private final DumpSource.Extent source;
    private final BufferPool pool;
    private final long offset;
    private final int size;
    private final int clusterSize;
    private final BitSet zeroClusters;
    private final int checksum;
    private final Runnable cannotBeCopied;
    private @Nullable TransferBuffer reread;

    /**
     * @param source where the stream lies
     * @param pool gives the memory if it has to be read once more
     * @param offset in the stream
     * @param size in bytes, whole clusters
     * @param zeroClusters which of its clusters hold nothing but zeros
     * @param checksum CRC-32C of what was read
     * @param cannotBeCopied is told when the system refuses to copy between these files
     */
    DumpExtent(
            DumpSource dump,
            DumpSource.Extent source,
            BufferPool pool,
            long offset,
            int size,
            int clusterSize,
            BitSet zeroClusters,
            int checksum,
            Runnable cannotBeCopied) {
        this.dump = dump;
        this.source = source;
        this.pool = pool;
        this.offset = offset;
        this.size = size;
        this.clusterSize = clusterSize;
        this.zeroClusters = zeroClusters;
        this.checksum = checksum;
        this.cannotBeCopied = cannotBeCopied;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public int checksum() {
        return checksum;
    }

    @Override
    public boolean isZero(int at, int length) {
        return zeroClusters.get(at / clusterSize);
    }

    @Override
    public ImageFile.Taken copyTo(ImageFile file, int at, int length, long hostOffset) throws StateferryException {
        ImageFile.Taken taken = file.take(source.file(), source.offset() + offset + at, hostOffset, length);
        if (taken == ImageFile.Taken.NOT_POSSIBLE) {
            cannotBeCopied.run();
        }
        return taken;
    }

    @Override
    public ByteBuffer bytes() throws StateferryException {
        if (reread == null) {
            reread = pool.take();
            try (PieceStream stream = dump.pieces(offset)) {
                stream.read(reread.bytes().limit(size));
            }
            if (reread.checksum() != checksum) {
                throw StateferryException.at(
                                FailureKind.DUMP_INVALID, dump.path(), offset, "the dump changed while it was read")
                        .advise("Wait until nobody writes to the dump, then run the same command again.");
            }
        }
        return reread.bytes().duplicate().flip();
    }

    @Override
    public void release() {
        if (reread != null) {
            reread.release();
            reread = null;
        }
    }
}
