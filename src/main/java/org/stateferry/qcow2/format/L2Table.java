package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;

/**
 * An L2 table, or some of its entries from the first on, as they lie in memory (qcow2 specification, "Cluster mapping").
 * A view of the bytes, without a copy; an entry is addressed by its index. As thread-safe as the buffer.
 */
public final class L2Table {
    private final ByteBuffer bytes;
    private final ClusterGeometry geometry;

    /**
     * @param bytes big-endian; entries begin at index 0, positions and limits do not matter
     */
    public L2Table(ByteBuffer bytes, ClusterGeometry geometry) {
        this.bytes = bytes;
        this.geometry = geometry;
    }

    /** Where an entry begins in the table, in bytes. */
    public int position(int index) {
        return index * geometry.l2EntrySize();
    }

    /** An entry's first 64 bits, see {@link L2Entry}. */
    public long raw(int index) {
        return bytes.getLong(position(index));
    }

    /** The second 64 bits of an extended entry, one for each sub-cluster and kind; 0 if entries are standard ones. */
    public long bitmap(int index) {
        return geometry.extendedL2() ? bytes.getLong(position(index) + Long.BYTES) : 0;
    }

    /** What an entry means. */
    public ClusterMapping mapping(int index) {
        return ClusterMapping.of(raw(index), bitmap(index), geometry);
    }

    /** Replaces an entry's first 64 bits. */
    public void putRaw(int index, long raw) {
        bytes.putLong(position(index), raw);
    }
}
