package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.CompressedDescriptor;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.storage.ImageFile;

/**
 * Stores pieces of vmstate in free clusters: those of zeros as an entry alone, the others as they are or, if that is
 * wanted and worth it, compressed. Plain clusters of one piece lie side by side and go out in one write.
 *
 * <p>Thread-safe. A thread waits until those with the pieces before its own have claimed their space, so that the clusters
 * lie in the order of the stream; writing is not ordered. To compress, each thread takes memory for one more piece, all
 * of which is there before the first is written.
 */
public final class VmStateWriter implements AutoCloseable {
    private final ImageFile file;
    private final ImageFile dataFile;
    private final BlockSharing sharing;
    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final int pieceSizeMax;
    private final boolean zerosNeedSpace;
    private final boolean compress;
    private final PackedSpace packedSpace;
    private final Turns turns;
    /** Whether compressed data was placed last; only used by the thread whose turn it is. */
    private boolean packedIsLast;

    private final Queue<ClusterCompressor> idleCompressors = new ConcurrentLinkedQueue<>();

    /**
     * What became of a piece.
     *
     * @param entries for each of its clusters what a standard L2 entry of version 3 would say, without COPIED: where it
     *     lies, a compressed descriptor, or {@link L2Entry#ZERO_PLAIN}
     * @param size bytes that its clusters have in the image, however they got there
     * @param sharedSize how many of them were shared and not written
     */
    public record Stored(long[] entries, int size, int sharedSize) {}

    /** Puts plain clusters into the image without writing them. */
    @FunctionalInterface
    public interface BlockSharing {
        /** Shares nothing. */
        BlockSharing NONE = (streamOffset, hostOffset, size) -> false;

        /**
         * Whether {@code size} bytes at {@code hostOffset} read now as those of the stream at {@code streamOffset}; whole
         * clusters. If not, they are written.
         */
        boolean share(long streamOffset, long hostOffset, long size);
    }

    /** Whether an image's refcounts are wide enough for compressed clusters to share space. */
    public static boolean canCompress(ClusterGeometry geometry) {
        return PackedSpace.isWorthwhile(geometry);
    }

    /**
     * @param dataFile the image as plain clusters are written to it; may bypass the page cache
     * @param sharing is tried before plain clusters are written; thread-safe
     * @param allocator used by nobody else until the last piece is written
     * @param compressorCount how many threads write at a time at most if clusters are to be compressed, else 0
     * @param pieceSizeMax bytes of a piece
     * @param firstNumber of the first piece that will be written
     */
    public VmStateWriter(
            Qcow2Image image,
            ImageFile dataFile,
            BlockSharing sharing,
            ClusterAllocator allocator,
            int compressorCount,
            int pieceSizeMax,
            long firstNumber) {
        Qcow2Header header = image.header();
        this.file = image.file();
        this.dataFile = dataFile;
        this.sharing = sharing;
        this.geometry = image.geometry();
        this.allocator = allocator;
        this.zerosNeedSpace = header.zerosNeedSpace();
        this.pieceSizeMax = pieceSizeMax;
        this.compress = compressorCount > 0 && canCompress(geometry);
        this.packedSpace = new PackedSpace(geometry, allocator);
        this.turns = new Turns(firstNumber);
        if (compress) {
            addCompressors(compressorCount, header.compressionType(), pieceSizeMax / geometry.clusterSize());
        }
    }

    /**
     * Writes a piece and returns when the file has it. The same stream gives the same image.
     *
     * @param number the piece's place in the stream; nobody leaves one out
     * @param content whole clusters from index 0 to the limit, in direct memory, which is rearranged
     */
    public Stored write(long number, ByteBuffer content) throws StateferryException {
        ClusterCompressor compressor = null;
        try {
            if (compress) {
                compressor = Objects.requireNonNull(idleCompressors.poll(), "more threads than compressors");
                compressor.clear();
            }
            Piece piece = new Piece(content, compressor);
            piece.encode();
            turns.await(number);
            piece.place();
            turns.end(number);
            return piece.write(number * pieceSizeMax);
        } finally {
            turns.end(number); // whatever has failed, those who come after must not wait for ever
            if (compressor != null) {
                idleCompressors.add(compressor);
            }
        }
    }

    private void addCompressors(int count, int compressionType, int clustersPerPiece) {
        try {
            for (int index = 0; index < count; index++) {
                idleCompressors.add(new ClusterCompressor(compressionType, geometry.clusterSize(), clustersPerPiece));
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** To be called after the last piece: from then on the file is as long as what was written says. */
    public void finish() throws StateferryException {
        packedSpace.finish(file);
    }

    /** Frees native memory; no piece is being written any more. */
    @Override
    public void close() {
        idleCompressors.forEach(ClusterCompressor::close);
        idleCompressors.clear();
    }

    /** Compressed data that lies in one run; it begins at index {@code start} of the compressor's memory. */
    private record PackedPart(long hostOffset, int start) {}

    /** One piece on its way. An entry is first an index or a size, and final once it is placed. */
    private final class Piece {
        private final ByteBuffer content;
        private final @Nullable ClusterCompressor compressor;
        private final long[] entries;
        private final List<PackedPart> packedParts = new ArrayList<>();
        private int plainSize;
        private long plainOffset;
        private int packedSize;

        Piece(ByteBuffer content, @Nullable ClusterCompressor compressor) {
            this.content = content;
            this.compressor = compressor;
            this.entries = new long[content.limit() / geometry.clusterSize()];
        }

        /** Leaves an entry as zero, the negative size of compressed data, or the place among the plain clusters. */
        void encode() {
            int clusterSize = geometry.clusterSize();
            for (int index = 0; index < entries.length; index++) {
                int at = index * clusterSize;
                if (!zerosNeedSpace && ZeroBytes.fill(content, at, clusterSize)) {
                    entries[index] = L2Entry.ZERO_PLAIN;
                    continue;
                }
                int size = compressor == null ? 0 : compressor.compress(content, at);
                if (size > 0) {
                    entries[index] = -size;
                    packedSize += size;
                } else {
                    keepPlain(index, at);
                }
            }
        }

        private void keepPlain(int index, int at) {
            entries[index] = plainSize;
            if (plainSize != at) {
                content.put(plainSize, content, at, geometry.clusterSize());
            }
            plainSize += geometry.clusterSize();
        }

        /** Compressed data goes on in the cluster in which that of the piece before ended, if nothing lies between. */
        void place() throws StateferryException {
            boolean packedFirst = packedIsLast;
            if (!packedFirst) {
                placePlain();
            }
            if (packedSize > 0) {
                placePacked();
                packedIsLast = true;
            }
            if (packedFirst) {
                placePlain();
            }
        }

        private void placePlain() throws StateferryException {
            if (plainSize > 0) {
                plainOffset = allocator.allocateData(plainSize / geometry.clusterSize());
                packedIsLast = false;
            }
        }

        private void placePacked() throws StateferryException {
            packedSpace.reserve(packedSize);
            int start = 0;
            long partEnd = -1;
            for (int index = 0; index < entries.length; index++) {
                int size = (int) -entries[index];
                if (size > 0) {
                    long hostOffset = packedSpace.place(size);
                    if (hostOffset != partEnd) {
                        packedParts.add(new PackedPart(hostOffset, start));
                    }
                    partEnd = hostOffset + size;
                    start += size;
                    entries[index] = CompressedDescriptor.of(hostOffset, size, geometry);
                }
            }
        }

        /** Turns places among the plain clusters into places in the file. */
        private void movePlain() {
            for (int index = 0; index < entries.length; index++) {
                if (isPlain(entries[index])) {
                    entries[index] += plainOffset;
                }
            }
        }

        Stored write(long streamOffset) throws StateferryException {
            movePlain();
            boolean shared = sharePlain(streamOffset);
            if (plainSize > 0 && !shared) {
                dataFile.write(content.duplicate().position(0).limit(plainSize), plainOffset);
            }
            if (compressor != null) {
                writePacked(compressor.packed());
            }
            return new Stored(entries, plainSize + packedSize, shared ? plainSize : 0);
        }

        /** Shares each run of plain clusters that is one in the stream too; false as soon as one cannot be shared. */
        private boolean sharePlain(long streamOffset) {
            if (sharing == BlockSharing.NONE) {
                return false;
            }
            int clusterSize = geometry.clusterSize();
            int start = 0;
            while (start < entries.length) {
                int end = start;
                while (end < entries.length && isPlain(entries[end])) {
                    end++;
                }
                long size = (long) (end - start) * clusterSize;
                if (size > 0 && !sharing.share(streamOffset + (long) start * clusterSize, entries[start], size)) {
                    return false;
                }
                start = Math.max(end, start + 1);
            }
            return true;
        }

        private boolean isPlain(long entry) {
            return !L2Entry.isCompressed(entry) && entry != L2Entry.ZERO_PLAIN;
        }

        /** Writes the compressed data through the page cache, as its place is not aligned to anything. */
        private void writePacked(ByteBuffer packed) throws StateferryException {
            for (int index = 0; index < packedParts.size(); index++) {
                PackedPart part = packedParts.get(index);
                int end = index + 1 < packedParts.size()
                        ? packedParts.get(index + 1).start()
                        : packedSize;
                file.write(packed.duplicate().position(part.start()).limit(end), part.hostOffset());
            }
        }
    }
}
