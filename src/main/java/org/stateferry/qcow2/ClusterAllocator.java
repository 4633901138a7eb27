package org.stateferry.qcow2;

import java.nio.file.Path;
import java.util.BitSet;
import java.util.Map;
import java.util.TreeMap;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping;
import org.stateferry.qcow2.format.ClusterMapping.Kind;
import org.stateferry.qcow2.format.Qcow2Limits;

/**
 * Hands out clusters that are free in the old image: those with refcount 0, first inside the file and then past its end.
 * Nothing is written. When the snapshot is published, {@link RefcountRewriter} counts what refers to them, in the refcount blocks of
 * {@link #claimedBlocks()}.
 *
 * <p>Data and metadata each search forward only, so the refcounts are read at most twice. A data run is never split:
 * what is smaller than the run asked for stays free, which keeps data sequential and the number of runs bounded by
 * stream size / buffer size, or that of compressed host clusters. Not thread-safe.
 */
public final class ClusterAllocator {
    private final Qcow2Image image;
    private final ClusterGeometry geometry;
    private final RefcountTable refcounts;
    /** The first of the clusters at the end of the file that all have refcount 0. */
    private final long usedClusterEnd;

    private final TreeMap<Long, Long> claims = new TreeMap<>();
    private Cancellation cancellation = Cancellation.NEVER;
    private long dataCursor;
    private long metadataCursor;

    /**
     * @param image the old image, sound
     * @param report what {@link MetadataCheck} found in it
     */
    public ClusterAllocator(Qcow2Image image, CheckReport report) throws StateferryException {
        this.image = image;
        this.geometry = image.geometry();
        this.refcounts = new RefcountTable(image.file(), image.header());
        this.usedClusterEnd = report.usedClusterEnd();
        this.dataCursor = report.firstFreeCluster();
        this.metadataCursor = report.firstFreeCluster();
    }

    /** Sets what is asked during a search for free clusters whether it is to end early. */
    void stopWith(Cancellation newCancellation) {
        cancellation = newCancellation;
    }

    /** The refcounts of the old image. */
    RefcountTable refcounts() {
        return refcounts;
    }

    /** The host offset of {@code count} adjacent free clusters for vmstate data. */
    public long allocateData(long count) throws StateferryException {
        dataCursor = findRun(dataCursor, count);
        long start = dataCursor;
        claim(start, count);
        dataCursor += count;
        return geometry.clusterOffset(start);
    }

    /** The host offset of {@code count} adjacent free clusters for tables. */
    long allocateMetadata(long count) throws StateferryException {
        metadataCursor = findRun(metadataCursor, count);
        long start = metadataCursor;
        claim(start, count);
        metadataCursor += count;
        return geometry.clusterOffset(start);
    }

    /**
     * Claims what an earlier attempt has filled, if it still belongs to nobody. Compressed data may lie in clusters that
     * were reclaimed for other compressed data before.
     *
     * @param entry as {@code VmStateWriter} has it, plausible
     * @return whether all of it is claimed now
     */
    public boolean reclaim(long entry) throws StateferryException {
        ClusterMapping mapping = ClusterMapping.ofStandard(entry, geometry);
        long first = mapping.firstHostCluster(geometry);
        for (long index = 0; index < mapping.hostClusterCount(geometry); index++) {
            if (!reclaim(first + index, mapping.kind() == Kind.COMPRESSED)) {
                return false;
            }
        }
        return true;
    }

    private boolean reclaim(long cluster, boolean mayBeClaimed) throws StateferryException {
        if (mayBeClaimed && isClaimed(cluster)) {
            return true;
        }
        if (!isFree(cluster)) {
            return false;
        }
        claim(cluster, 1);
        dataCursor = Math.max(dataCursor, cluster + 1);
        return true;
    }

    /** The image's file, to name it in failures. */
    public Path path() {
        return image.file().path();
    }

    /** Whether all of {@code size} bytes from {@code hostOffset} on lie in claimed clusters. */
    boolean hasClaimed(long hostOffset, long size) {
        Map.Entry<Long, Long> run = claims.floorEntry(geometry.clusterIndex(hostOffset));
        return run != null && hostOffset + size <= geometry.clusterOffset(run.getKey() + run.getValue());
    }

    /** Runs of claimed clusters: first cluster and count, ascending, adjacent ones merged. */
    Map<Long, Long> claimedRuns() {
        return claims;
    }

    /** The indexes of all refcount blocks that claimed clusters belong to. */
    BitSet claimedBlocks() {
        BitSet blocks = new BitSet();
        int perBlock = geometry.refcountBlockEntryCount();
        claims.forEach(
                (start, count) -> blocks.set((int) (start / perBlock), (int) ((start + count - 1) / perBlock) + 1));
        return blocks;
    }

    /** The cluster after the last one that is in use or claimed. */
    public long clusterEnd() {
        Map.Entry<Long, Long> last = claims.lastEntry();
        return last == null ? usedClusterEnd : Math.max(usedClusterEnd, last.getKey() + last.getValue());
    }

    private long findRun(long from, long count) throws StateferryException {
        long start = nextFree(from);
        for (long end = nextTaken(start); end - start < count; end = nextTaken(start)) {
            start = nextFree(end);
        }
        if (geometry.clusterOffset(start + count) > Qcow2Limits.MAX_HOST_OFFSET) {
            throw StateferryException.in(
                    FailureKind.NO_SPACE, path(), "the format's 2^56 bytes of host offsets are used up");
        }
        return start;
    }

    /** The first cluster from {@code from} on that is neither in use nor claimed. */
    private long nextFree(long from) throws StateferryException {
        long cluster = from;
        while (true) {
            Map.Entry<Long, Long> claim = claims.floorEntry(cluster);
            if (claim != null && cluster < claim.getKey() + claim.getValue()) {
                cluster = claim.getKey() + claim.getValue();
            }
            long free = refcounts.nextFree(cluster, Math.max(cluster, usedClusterEnd), cancellation);
            if (free == cluster) {
                return cluster;
            }
            cluster = free;
        }
    }

    /** The first cluster from {@code from} on, which is free, that is in use or claimed; very far away if there is none. */
    private long nextTaken(long from) throws StateferryException {
        Long claimed = claims.ceilingKey(from);
        long limit = claimed == null ? Long.MAX_VALUE : claimed;
        return from >= usedClusterEnd ? limit : refcounts.nextUsed(from, Math.min(limit, usedClusterEnd), cancellation);
    }

    private boolean isFree(long cluster) throws StateferryException {
        return !isClaimed(cluster) && (cluster >= usedClusterEnd || refcounts.refcount(cluster) == 0);
    }

    private boolean isClaimed(long cluster) {
        Map.Entry<Long, Long> claim = claims.floorEntry(cluster);
        return claim != null && cluster < claim.getKey() + claim.getValue();
    }

    private void claim(long start, long count) {
        long from = start;
        long length = count;
        Map.Entry<Long, Long> before = claims.floorEntry(start);
        if (before != null && before.getKey() + before.getValue() == start) {
            from = before.getKey();
            length += before.getValue();
        }
        Long after = claims.remove(start + count);
        if (after != null) {
            length += after;
        }
        claims.put(from, length);
    }
}
