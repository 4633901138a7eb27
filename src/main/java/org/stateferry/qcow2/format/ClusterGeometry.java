package org.stateferry.qcow2.format;

import org.stateferry.bytes.Alignment;

/**
 * The index arithmetic of an image: the only place with shifts of cluster bits.
 *
 * @param clusterBits log2 of the cluster size, 9 to 21
 * @param extendedL2 whether L2 entries are 16 bytes with a sub-cluster bitmap
 * @param refcountOrder log2 of the refcount width in bits, 0 to 6
 */
public record ClusterGeometry(int clusterBits, boolean extendedL2, int refcountOrder) {

    /** Bytes of a cluster. */
    public int clusterSize() {
        return 1 << clusterBits;
    }

    /** Bytes of one L2 entry: 8, or 16 if extended. */
    public int l2EntrySize() {
        return extendedL2 ? 16 : 8;
    }

    /** Entries of one L2 table, which fills a cluster. */
    public int l2EntryCount() {
        return clusterSize() / l2EntrySize();
    }

    /** Guest bytes that one L1 entry covers. */
    public long bytesPerL1Entry() {
        return (long) clusterSize() * l2EntryCount();
    }

    /** L1 entries that cover the first {@code size} guest bytes. */
    public long l1EntryCount(long size) {
        return Alignment.ceilDiv(size, bytesPerL1Entry());
    }

    /**
     * The guest offset at which the vmstate of a disk of {@code diskSize} bytes begins: the first L1 entry past the disk
     * (QEMU {@code qcow2_vm_state_offset}).
     */
    public long vmStateOffset(long diskSize) {
        return l1EntryCount(diskSize) * bytesPerL1Entry();
    }

    /** Refcounts in one refcount block, which fills a cluster. */
    public int refcountBlockEntryCount() {
        return 1 << refcountBlockBits();
    }

    /** The index of the refcount block that counts a cluster. */
    public long refcountBlockIndex(long cluster) {
        return cluster >>> refcountBlockBits();
    }

    /** The index of a cluster's refcount in its block. */
    public int indexInRefcountBlock(long cluster) {
        return (int) cluster & (1 << refcountBlockBits()) - 1;
    }

    /** The first cluster that a refcount block counts. */
    public long firstClusterOfRefcountBlock(long blockIndex) {
        return blockIndex << refcountBlockBits();
    }

    private int refcountBlockBits() {
        return clusterBits + 3 - refcountOrder;
    }

    /** The largest refcount that the width can hold, or {@link Long#MAX_VALUE} for 64 bits. */
    public long maxRefcount() {
        int bits = 1 << refcountOrder;
        return bits == 64 ? Long.MAX_VALUE : (1L << bits) - 1;
    }

    /** The index of the cluster that holds a host offset. */
    public long clusterIndex(long hostOffset) {
        return hostOffset >>> clusterBits;
    }

    /** The host offset at which a cluster begins. */
    public long clusterOffset(long clusterIndex) {
        return clusterIndex << clusterBits;
    }

    /** Clusters that hold {@code size} bytes. */
    public long clusterCount(long size) {
        return Alignment.ceilDiv(size, clusterSize());
    }

    /** Whether a host offset is the start of a cluster. */
    public boolean isClusterAligned(long hostOffset) {
        return (hostOffset & (clusterSize() - 1)) == 0;
    }
}
