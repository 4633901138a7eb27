package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;

/** Hears of every reference to host clusters that a {@link ReferenceWalk} meets, and of every entry that is not valid. */
interface ReferenceVisitor {
    /**
     * Something refers to {@code count} clusters from {@code firstCluster} on.
     *
     * @param times how often it refers to each
     * @param origin what refers to them
     */
    void reference(long firstCluster, long count, int times, Origin origin) throws StateferryException;

    /**
     * Whether the visitor listens for what an L2 table leads to; if not, the table is not read.
     *
     * @param times how often the walk has met the table
     */
    default boolean wants(long l2Cluster, int times, Origin origin) throws StateferryException {
        return true;
    }

    /**
     * The windows of clusters that the visitor listens for, as {@link ClusterWindow#maskOf}; references elsewhere may be left
     * out.
     */
    default long windows() {
        return -1;
    }

    /**
     * An entry of the active tables refers to a cluster that is not compressed and says whether it owns it alone.
     *
     * @param copied the entry's COPIED flag; it must be set exactly if the cluster's refcount is 1
     * @param at host offset of the entry
     */
    default void activeEntry(long cluster, boolean copied, long at) throws StateferryException {}

    /** What lies at host offset {@code at} breaks a rule of the format. */
    void invalid(long at, String problem) throws StateferryException;

    /** What a reference comes from. */
    enum Origin {
        /** The header, the refcount table, the snapshot table, bitmaps. */
        METADATA,
        /** A refcount block: the refcount table's is the only reference to it. */
        REFCOUNT_BLOCK,
        /** The header's own L1 table, where it maps the disk: it, its L2 tables and data. */
        ACTIVE_DISK,
        /** The active L1 table's entries past the disk, which hold a vmstate after {@code -loadvm}. */
        ACTIVE_VM_STATE,
        /** A snapshot's L1 table and what it leads to. */
        SNAPSHOT;

        /** Whether it is the active L1 table or what that leads to. */
        boolean isActive() {
            return this == ACTIVE_DISK || this == ACTIVE_VM_STATE;
        }
    }
}
