package org.stateferry.qcow2.vmstate;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZstdLibrary;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping;
import org.stateferry.storage.ImageFile;

/**
 * Reads compressed clusters (qcow2 specification, "Compressed Clusters Descriptor" and compression type). Type 0 is raw
 * deflate, type 1 zstd. The exact length of the compressed data is not recorded: it is unpacked until it has given a whole
 * cluster, and what follows is ignored. Keeps the cluster read last. Not thread-safe.
 */
final class CompressedCluster {

    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final int compressionType;
    private byte[] cluster = {};
    private @Nullable ClusterMapping loaded;

    CompressedCluster(ImageFile file, ClusterGeometry geometry, int compressionType) {
        this.file = file;
        this.geometry = geometry;
        this.compressionType = compressionType;
    }

    /** Copies the cluster's bytes from {@code inCluster} on into {@code target}, until that is full. */
    void read(ClusterMapping mapping, int inCluster, ByteBuffer target) throws StateferryException {
        if (!mapping.equals(loaded)) {
            loaded = null;
            if (cluster.length == 0) {
                cluster = new byte[geometry.clusterSize()];
            }
            load(mapping);
            loaded = mapping;
        }
        target.put(cluster, inCluster, target.remaining());
    }

    private void load(ClusterMapping mapping) throws StateferryException {
        long offset = mapping.hostOffset();
        // The sector count has as many bits as a cluster needs, so the size is twice a cluster at most.
        ByteBuffer packed = ByteBuffer.allocate(Math.toIntExact(mapping.size()));
        int present = file.read(packed, offset);
        if (compressionType == ClusterCompressor.ZSTD) {
            ZstdLibrary.require();
        }
        try {
            int size = compressionType == ClusterCompressor.ZSTD
                    ? unzstd(packed.array(), present)
                    : inflate(packed.array(), present);
            if (size < cluster.length) {
                throw corrupt(offset, "unpacks to " + size + " bytes only");
            }
        } catch (DataFormatException | IOException e) {
            throw corrupt(offset, "cannot be unpacked: " + e.getMessage()).causedBy(e);
        }
    }

    private int inflate(byte[] packed, int size) throws DataFormatException {
        Inflater inflater = new Inflater(true);
        try {
            inflater.setInput(packed, 0, size);
            int done = 0;
            while (done < cluster.length && !inflater.finished() && !inflater.needsInput()) {
                done += inflater.inflate(cluster, done, cluster.length - done);
            }
            return done;
        } finally {
            inflater.end();
        }
    }

    private int unzstd(byte[] packed, int size) throws IOException {
        try (InputStream in = new ZstdInputStreamNoFinalizer(new ByteArrayInputStream(packed, 0, size))) {
            return in.readNBytes(cluster, 0, cluster.length);
        }
    }

    private StateferryException corrupt(long offset, String problem) {
        return StateferryException.at(FailureKind.IMAGE_CORRUPT, file.path(), offset, "a compressed cluster " + problem)
                .advise("Its state is lost: delete the snapshot, and import its dump again.");
    }
}
