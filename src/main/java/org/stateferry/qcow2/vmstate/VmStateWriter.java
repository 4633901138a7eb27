package org.stateferry.qcow2.vmstate;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.bytes.ZstdLibrary;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping.Kind;
import org.stateferry.qcow2.format.CompressedDescriptor;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.storage.ImageFile;

/**
 * Stores pieces of vmstate in free clusters: those of zeros as an entry alone, the others as they are or, if that is
 * wanted and worth it, compressed. Plain clusters of one piece lie side by side and go out in one write.
 *
 * <p>Thread-safe. A thread waits until those with the pieces before its own have claimed their space, so that the clusters
 * lie in the order of the stream; writing is not ordered. To compress, each thread needs memory for one more piece;
 * the constructor allocates it all.
 */
public final class VmStateWriter implements AutoCloseable {
    private final ImageFile file;
    private final ImageFile dataFile;
    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final boolean zerosNeedSpace;
    private final boolean compress;
    private final PackedSpace packedSpace;
    private final PieceOrder order;
    /** Whether the space claimed last is for compressed data; only used by the thread that claims space now. */
    private boolean packedIsLast;

    private final Queue<ClusterCompressor> idleCompressors = new ConcurrentLinkedQueue<>();

    /**
     * What became of a piece.
     *
     * @param entries the L2 entry of each of its clusters, a standard one of version 3 without COPIED whatever the image's
     *     are: a host offset, a {@link CompressedDescriptor}, or {@link L2Entry#ZERO_PLAIN}
     * @param size bytes that its clusters have in the image, however they got there
     * @param sharedSize how many of them share the blocks of the file they come from
     * @param copiedSize how many of them the system has copied from there
     */
    public record Stored(long[] entries, int size, int sharedSize, int copiedSize) {}

    /** The content of a piece: whole clusters, in memory or where the system can copy them from. For one thread. */
    public interface Content {
        /** Bytes of the piece. */
        int size();

        /** Whether the cluster at index {@code at}, of {@code length} bytes, holds nothing but zeros. */
        boolean isZero(int at, int length);

        /**
         * Lets the system bring whole clusters into the image; by default it cannot.
         *
         * @param at index of the first byte in the piece
         */
        default ImageFile.Taken copyTo(ImageFile file, int at, int length, long hostOffset) throws StateferryException {
            return ImageFile.Taken.NOT_POSSIBLE;
        }

        /** The content from index 0 to the limit, in direct memory, which may be rearranged from now on. */
        ByteBuffer bytes() throws StateferryException;

        /** Content that is in memory. */
        static Content of(ByteBuffer bytes) {
            return new Content() {
                @Override
                public int size() {
                    return bytes.limit();
                }

                @Override
                public boolean isZero(int at, int length) {
                    return ZeroBytes.isZero(bytes, at, length);
                }

                @Override
                public ByteBuffer bytes() {
                    return bytes;
                }
            };
        }
    }

    /**
     * To be called before a writer that compresses is made.
     *
     * @throws StateferryException {@code CONFIGURATION} if what compresses as the image's header says cannot be loaded
     */
    public static void requireCompressor(Qcow2Header header) throws StateferryException {
        if (header.compressionType() == ClusterCompressor.ZSTD) {
            ZstdLibrary.require();
        }
    }

    /**
     * Why an image takes no compressed clusters, in words that go on after "the image", or null if it does.
     *
     * @param allocator of the image, before anything is written
     */
    public static @Nullable String obstacleToCompression(ClusterGeometry geometry, ClusterAllocator allocator) {
        if (!PackedSpace.isWorthwhile(geometry)) {
            return "has refcounts that are too narrow for compressed clusters to share space";
        }
        return PackedSpace.isWithinReach(geometry, allocator)
                ? null
                : "is so long that its L2 entries cannot tell where compressed data lies";
    }

    /**
     * @param dataFile the image as plain clusters are written to it; may bypass the page cache
     * @param allocator used by nobody else until the last piece is written
     * @param compressorCount how many threads write at a time at most if clusters are to be compressed, else 0
     * @param pieceSizeMax bytes of a piece
     * @param firstNumber of the first piece that will be written
     */
    public VmStateWriter(
            Qcow2Image image,
            ImageFile dataFile,
            ClusterAllocator allocator,
            int compressorCount,
            int pieceSizeMax,
            long firstNumber) {
        Qcow2Header header = image.header();
        this.file = image.file();
        this.dataFile = dataFile;
        this.geometry = image.geometry();
        this.allocator = allocator;
        this.zerosNeedSpace = header.zerosNeedSpace();
        this.compress = compressorCount > 0 && obstacleToCompression(geometry, allocator) == null;
        this.packedSpace = new PackedSpace(geometry, allocator);
        this.order = new PieceOrder(firstNumber);
        if (compress) {
            addCompressors(compressorCount, header.compressionType(), pieceSizeMax / geometry.clusterSize());
        }
    }

    /**
     * Writes a piece and returns when the file has it. The same stream gives the same image.
     *
     * @param number the piece's number in the stream; nobody leaves one out
     * @param content whole clusters; what is in memory is rearranged
     */
    public Stored write(long number, Content content) throws StateferryException {
        ClusterCompressor compressor = null;
        try {
            if (compress) {
                compressor = Objects.requireNonNull(idleCompressors.poll(), "more threads than compressors");
                compressor.clear();
            }
            Piece piece = new Piece(content, compressor);
            piece.encode();
            order.await(number);
            piece.allocate();
            order.end(number);
            return piece.write();
        } finally {
            order.end(number); // whatever has failed, those who come after must not wait for ever
            if (compressor != null) {
                idleCompressors.add(compressor);
            }
        }
    }

    /**
     * Stores pieces of zeros in an image in which they take no space.
     *
     * @param number the first piece's number in the stream
     * @param count how many pieces
     * @param pieceSize bytes of each, whole clusters
     * @return what became of each of them
     */
    public Stored writeZeros(long number, int count, int pieceSize) {
        if (zerosNeedSpace) {
            throw new IllegalArgumentException("zeros take space in this image");
        }
        order.end(number, count);
        long[] entries = new long[pieceSize / geometry.clusterSize()];
        Arrays.fill(entries, L2Entry.ZERO_PLAIN);
        return new Stored(entries, 0, 0, 0);
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

    /** Compressed data that goes to one run of bytes; it begins at index {@code start} of the compressor's memory. */
    private record PackedRun(long hostOffset, int start) {}

    /**
     * One piece on its way to the image: {@link #encode} decides how each of its clusters is kept, {@link #allocate} finds their
     * host offsets, and {@link #write} writes them.
     */
    private final class Piece {
        private final Content content;
        private final @Nullable ClusterCompressor compressor;
        private final Kind[] kinds;
        /** Bytes of each cluster's compressed data; 0 for the others. */
        private final int[] packedSizes;

        private final long[] entries;
        private final List<PackedRun> packedRuns = new ArrayList<>();
        private int plainSize;
        private long plainOffset;
        private int packedSize;

        Piece(Content content, @Nullable ClusterCompressor compressor) {
            this.content = content;
            this.compressor = compressor;
            int clusterCount = content.size() / geometry.clusterSize();
            this.kinds = new Kind[clusterCount];
            this.packedSizes = new int[compressor == null ? 0 : clusterCount];
            this.entries = new long[clusterCount];
        }

        /** Leaves the compressed clusters in the compressor's memory. */
        void encode() throws StateferryException {
            int clusterSize = geometry.clusterSize();
            for (int index = 0; index < kinds.length; index++) {
                kinds[index] = encode(index, index * clusterSize);
                plainSize += kinds[index] == Kind.PLAIN ? clusterSize : 0;
            }
        }

        private Kind encode(int index, int at) throws StateferryException {
            if (!zerosNeedSpace && content.isZero(at, geometry.clusterSize())) {
                return Kind.ZERO;
            }
            int size = compressor == null ? 0 : compressor.compress(content.bytes(), at);
            if (size == 0) {
                return Kind.PLAIN;
            }
            packedSizes[index] = size;
            packedSize += size;
            return Kind.COMPRESSED;
        }

        /**
         * Claims space and makes the entries. Compressed data goes on in the cluster in which that of the piece before ended,
         * if nothing lies between.
         */
        void allocate() throws StateferryException {
            boolean packedFirst = packedIsLast;
            if (!packedFirst) {
                allocatePlain();
            }
            if (packedSize > 0) {
                allocatePacked();
                packedIsLast = true;
            }
            if (packedFirst) {
                allocatePlain();
            }
            makeEntries();
        }

        private void allocatePlain() throws StateferryException {
            if (plainSize > 0) {
                plainOffset = allocator.allocateData(plainSize / geometry.clusterSize());
                packedIsLast = false;
            }
        }

        private void allocatePacked() throws StateferryException {
            packedSpace.reserve(packedSize);
            int start = 0;
            long runEnd = -1;
            for (int index = 0; index < packedSizes.length; index++) {
                int size = packedSizes[index];
                if (size > 0) {
                    long hostOffset = packedSpace.allocate(size);
                    if (hostOffset != runEnd) {
                        packedRuns.add(new PackedRun(hostOffset, start));
                    }
                    runEnd = hostOffset + size;
                    start += size;
                    entries[index] = CompressedDescriptor.of(hostOffset, size, geometry);
                }
            }
        }

        /** The entries of what is not compressed; those have theirs. */
        private void makeEntries() {
            long hostOffset = plainOffset;
            for (int index = 0; index < kinds.length; index++) {
                if (kinds[index] == Kind.ZERO) {
                    entries[index] = L2Entry.ZERO_PLAIN;
                } else if (kinds[index] == Kind.PLAIN) {
                    entries[index] = hostOffset;
                    hostOffset += geometry.clusterSize();
                }
            }
        }

        Stored write() throws StateferryException {
            int sharedSize = 0;
            int copiedSize = 0;
            if (plainSize > 0) {
                switch (copyPlain()) {
                    case SHARED -> sharedSize = plainSize;
                    case COPIED -> copiedSize = plainSize;
                    case NOT_POSSIBLE -> writePlain(content.bytes());
                }
            }
            if (compressor != null) {
                writePacked(compressor.packed());
            }
            return new Stored(entries, plainSize + packedSize, sharedSize, copiedSize);
        }

        /** Lets the system copy each run of plain clusters; what it could not copy as a whole has to be written as a whole. */
        private ImageFile.Taken copyPlain() throws StateferryException {
            int clusterSize = geometry.clusterSize();
            ImageFile.Taken taken = ImageFile.Taken.NOT_POSSIBLE;
            int start = 0;
            while (start < kinds.length) {
                int end = start;
                while (end < kinds.length && kinds[end] == Kind.PLAIN) {
                    end++;
                }
                if (end > start) {
                    taken = content.copyTo(dataFile, start * clusterSize, (end - start) * clusterSize, entries[start]);
                    if (taken == ImageFile.Taken.NOT_POSSIBLE) {
                        return taken;
                    }
                }
                start = Math.max(end, start + 1);
            }
            return taken;
        }

        /** Brings the plain clusters together, whose host offsets are side by side, and writes them in one go. */
        private void writePlain(ByteBuffer bytes) throws StateferryException {
            int clusterSize = geometry.clusterSize();
            int to = 0;
            for (int index = 0; index < kinds.length; index++) {
                if (kinds[index] == Kind.PLAIN) {
                    int from = index * clusterSize;
                    if (to != from) {
                        bytes.put(to, bytes, from, clusterSize);
                    }
                    to += clusterSize;
                }
            }
            dataFile.write(bytes.duplicate().position(0).limit(to), plainOffset);
        }

        /** Writes the compressed data through the page cache, as its host offset is not aligned to anything. */
        private void writePacked(ByteBuffer packed) throws StateferryException {
            for (int index = 0; index < packedRuns.size(); index++) {
                PackedRun run = packedRuns.get(index);
                int end = index + 1 < packedRuns.size()
                        ? packedRuns.get(index + 1).start()
                        : packedSize;
                file.write(packed.duplicate().position(run.start()).limit(end), run.hostOffset());
            }
        }
    }
}
