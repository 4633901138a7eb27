package org.stateferry.qcow2.vmstate;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdException;
import java.nio.ByteBuffer;
import java.util.zip.Deflater;

/**
 * Compresses single clusters in the way that the image's header names (qcow2 specification, "compression type"): type 0
 * is raw deflate, type 1 zstd. Not thread-safe; {@link #close} frees native memory.
 */
final class ClusterCompressor implements AutoCloseable {
    static final int ZSTD = 1;
    private static final int LEVEL = 1;
    /** A table of 16 KiB stays in a processor's first cache: a tenth faster than the level's own choice, 2% larger at most. */
    private static final int HASH_LOG = 12;
    /** The level's own 6 finds a little more, 2% of the size, and takes a sixth longer. */
    private static final int MIN_MATCH = 7;
    /**
     * QEMU inflates with a window of 4 KiB (QEMU {@code block/qcow2-threads.c}). Java's deflater has a fixed one of 32 KiB,
     * but a full flush makes it forget what came before, so that no match reaches back further than a piece is long.
     */
    private static final int DEFLATE_PIECE_SIZE = 4096;

    private final int clusterSize;
    private final int packedSizeMax;
    private final ByteBuffer packed;
    private final Codec codec;

    /** Compresses one cluster's bytes. */
    private interface Codec extends AutoCloseable {
        /** Returns how many bytes came out, or 0 if the target is too small. */
        int compress(ByteBuffer source, ByteBuffer target);

        @Override
        void close();
    }

    /**
     * @param compressionType the header's
     * @param clusterCountMax how many clusters are compressed between two calls of {@link #clear}
     */
    ClusterCompressor(int compressionType, int clusterSize, int clusterCountMax) {
        this.clusterSize = clusterSize;
        // Reading compressed data costs the guest's start time, so it has to be worth it.
        this.packedSizeMax = clusterSize - clusterSize / 8;
        this.packed = ByteBuffer.allocateDirect(packedSizeMax * clusterCountMax);
        this.codec = compressionType == ZSTD ? new ZstdCodec() : new DeflateCodec();
    }

    /**
     * Compresses the cluster at index {@code at} of {@code source}, which must be direct, and appends the result to what
     * {@link #packed} holds.
     *
     * @return its size, or 0 if the cluster is not worth to be compressed
     */
    int compress(ByteBuffer source, int at) {
        ByteBuffer target = packed.slice(packed.position(), packedSizeMax);
        int size = codec.compress(source.slice(at, clusterSize), target);
        packed.position(packed.position() + size);
        return size;
    }

    /** The memory with the results, back to back; its position is their end. */
    ByteBuffer packed() {
        return packed;
    }

    /** Forgets the results. */
    void clear() {
        packed.clear();
    }

    @Override
    public void close() {
        codec.close();
    }

    private static final class ZstdCodec implements Codec {
        private final ZstdCompressCtx context =
                new ZstdCompressCtx().setLevel(LEVEL).setHashLog(HASH_LOG).setMinMatch(MIN_MATCH);

        @Override
        public int compress(ByteBuffer source, ByteBuffer target) {
            try {
                return context.compressDirectByteBuffer(target, 0, target.capacity(), source, 0, source.capacity());
            } catch (ZstdException e) {
                if (e.getErrorCode() == Zstd.errDstSizeTooSmall()) {
                    return 0;
                }
                throw e;
            }
        }

        @Override
        public void close() {
            context.close();
        }
    }

    private static final class DeflateCodec implements Codec {
        private final Deflater deflater = new Deflater(Deflater.BEST_SPEED, true);

        @Override
        public int compress(ByteBuffer source, ByteBuffer target) {
            deflater.reset();
            int end = source.limit();
            for (int done = 0; done < end; done += DEFLATE_PIECE_SIZE) {
                int pieceEnd = Math.min(end, done + DEFLATE_PIECE_SIZE);
                deflater.setInput(source.duplicate().position(done).limit(pieceEnd));
                if (pieceEnd == end) {
                    deflater.finish();
                }
                deflater.deflate(target, pieceEnd == end ? Deflater.NO_FLUSH : Deflater.FULL_FLUSH);
                if (!target.hasRemaining()) {
                    return 0;
                }
            }
            return target.position();
        }

        @Override
        public void close() {
            deflater.end();
        }
    }
}
