package org.stateferry.batch;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;

/**
 * The room that an import needs on its image's file system.
 *
 * @param path the image's, to name it
 * @param image the image
 * @param dump the dump
 * @param presentSize bytes of the stream, whole clusters, that an earlier attempt has stored
 * @param growth by how many bytes the file grows at most
 */
record SpaceNeed(Path path, Qcow2Image image, DumpSource dump, long presentSize, long growth) {
    /**
     * Fails if there is too little room. Only if the dump as it is would not fit, it is read to see how much of it is
     * zeros, which take no space; how far it can be compressed is not tried out.
     *
     * @param usable bytes that the file system has
     * @param hope what would make it need less, as in "if the state cannot be compressed", or null
     * @param warning hears that the room may turn out to be too little
     */
    void requireWithin(long usable, @Nullable String hope, Consumer<String> warning, Cancellation cancellation)
            throws StateferryException {
        if (growth <= usable) {
            return;
        }
        String problem = "the import needs " + growth + " more bytes on the file system, which has " + usable;
        if (hope != null && tables() <= usable) {
            warning.accept(problem + ", if " + hope);
        } else if (!fitsWithoutZeros(usable, cancellation)) {
            throw StateferryException.in(FailureKind.NO_SPACE, path, problem)
                    .advise("Make room and run the same command again.");
        }
    }

    private boolean fitsWithoutZeros(long usable, Cancellation cancellation) throws StateferryException {
        if (image.header().zerosNeedSpace()) {
            return false;
        }
        long limit = usable - tables();
        return limit > 0 && sizeWithoutZeros(limit, cancellation) <= limit;
    }

    /** What is needed besides the state itself; below zero if part of the state fits into what is free in the file. */
    private long tables() {
        ClusterGeometry geometry = image.geometry();
        long missing = geometry.clusterCount(dump.streamLength()) - geometry.clusterCount(presentSize);
        return growth - geometry.clusterOffset(missing);
    }

    /** Bytes of clusters still to be stored that are not zero; above the limit if not all was looked at. */
    private long sizeWithoutZeros(long limit, Cancellation cancellation) throws StateferryException {
        int clusterSize = image.geometry().clusterSize();
        ByteBuffer piece = ByteBuffer.allocateDirect(TransferSettings.bufferSize(clusterSize));
        long size = 0;
        try (PieceStream stream = dump.pieces(presentSize)) {
            while (size <= limit) {
                cancellation.check();
                stream.skipHole(clusterSize);
                if (stream.read(piece.clear()) == 0) {
                    break;
                }
                int content = piece.position();
                ZeroBytes.put(piece, (int) Alignment.alignUp(content, clusterSize) - content);
                for (int at = 0; at < content; at += clusterSize) {
                    size += ZeroBytes.fill(piece, at, clusterSize) ? 0 : clusterSize;
                }
            }
        }
        return size;
    }
}
