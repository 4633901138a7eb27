package org.stateferry.qcow2.vmstate;

import java.nio.ByteBuffer;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping;
import org.stateferry.qcow2.format.ClusterMapping.Kind;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.storage.ImageFile;

/**
 * Reads back what {@link VmStateWriter} has stored, by its entries, before any table of the image leads to it. Not
 * thread-safe.
 */
public final class VmStateClusters {
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final CompressedCluster compressed;

    /** @param image whose clusters are read */
    public VmStateClusters(Qcow2Image image) {
        this.file = image.file();
        this.geometry = image.geometry();
        this.compressed = new CompressedCluster(file, geometry, image.header().compressionType());
    }

    /** Whether entries can be those of clusters of this image at all; what is not must not be read. */
    public static boolean arePlausible(long[] entries, Qcow2Image image) {
        for (long entry : entries) {
            if (!isPlausible(entry, image.geometry(), !image.header().zerosNeedSpace())) {
                return false;
            }
        }
        return true;
    }

    /** Whether plausible entries are all of clusters that hold nothing but zeros and take no space. */
    public static boolean areZero(long[] entries) {
        for (long entry : entries) {
            if (entry != L2Entry.ZERO_PLAIN) {
                return false;
            }
        }
        return true;
    }

    private static boolean isPlausible(long entry, ClusterGeometry geometry, boolean zerosAllowed) {
        ClusterMapping mapping = ClusterMapping.ofStandard(entry, geometry);
        return switch (mapping.kind()) {
            case ZERO -> entry == L2Entry.ZERO_PLAIN && zerosAllowed;
            case PLAIN -> entry == mapping.hostOffset() && geometry.isClusterAligned(entry);
            case COMPRESSED ->
                !L2Entry.isCopied(entry)
                        && mapping.hostOffset() >= geometry.clusterSize()
                        && mapping.hostEnd() <= Qcow2Limits.MAX_HOST_OFFSET;
            case UNALLOCATED, MIXED -> false;
        };
    }

    /** Tells of a file where its holes are. */
    @FunctionalInterface
    public interface Holes {
        /** The first offset from {@code offset} on that is in a hole or behind the file's end. */
        long next(long offset);
    }

    /**
     * Whether part of the clusters lies in a hole of the file, which reads as zeros.
     *
     * @param entries plausible ones
     */
    public boolean touchHole(long[] entries, Holes holes) {
        for (long entry : entries) {
            ClusterMapping mapping = ClusterMapping.ofStandard(entry, geometry);
            if (mapping.kind() == Kind.ZERO) {
                continue;
            }
            // The last sector of compressed data may end with the file.
            long size = mapping.kind() == Kind.COMPRESSED ? 1 : geometry.clusterSize();
            if (holes.next(mapping.hostOffset()) < mapping.hostOffset() + size) {
                return true;
            }
        }
        return false;
    }

    /**
     * Puts the clusters' content into {@code target}, from its position on.
     *
     * @param entries plausible ones
     * @return whether the file holds all of it; false as well if compressed data cannot be unpacked
     */
    public boolean read(long[] entries, ByteBuffer target) throws StateferryException {
        try {
            return readAll(entries, target);
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.IMAGE_CORRUPT) {
                return false;
            }
            throw e;
        }
    }

    private boolean readAll(long[] entries, ByteBuffer target) throws StateferryException {
        int clusterSize = geometry.clusterSize();
        for (int index = 0; index < entries.length; ) {
            ClusterMapping mapping = ClusterMapping.ofStandard(entries[index], geometry);
            int count = 1;
            if (mapping.kind() == Kind.ZERO) {
                ZeroBytes.put(target, clusterSize);
            } else if (mapping.kind() == Kind.COMPRESSED) {
                compressed.read(mapping, 0, target.slice(target.position(), clusterSize));
                target.position(target.position() + clusterSize);
            } else {
                count = runLength(entries, index);
                if (!readPlain(mapping.hostOffset(), target, count * clusterSize)) {
                    return false;
                }
            }
            index += count;
        }
        return true;
    }

    /** How many of the entries from one on are plain clusters side by side. */
    private int runLength(long[] entries, int from) {
        int end = from + 1;
        while (end < entries.length && entries[end] == entries[end - 1] + geometry.clusterSize()) {
            end++;
        }
        return end - from;
    }

    private boolean readPlain(long hostOffset, ByteBuffer target, int size) throws StateferryException {
        int present = file.read(target.slice(target.position(), size), hostOffset);
        target.position(target.position() + size);
        return present == size;
    }
}
