package org.stateferry.qcow2;

import java.util.List;

/**
 * What a check of an image's metadata found.
 *
 * @param corruptionCount places that contradict each other so that data may be lost: what {@code qemu-img check} counts as
 *     corruptions
 * @param corruptions the first of them
 * @param leakCount clusters whose refcount is higher than the number of references; they only waste space
 * @param freeCount clusters inside the file with refcount 0, in runs of 1 MiB and more: others take tables at most
 * @param usedClusterEnd the cluster after the last one with a refcount above zero
 * @param raiseOverflow the first cluster whose refcount has no room for a snapshot that shares it and for loading that
 *     snapshot, during which QEMU counts every cluster of it once more; or -1
 */
public record CheckReport(
        long corruptionCount,
        List<Corruption> corruptions,
        long leakCount,
        long freeCount,
        long usedClusterEnd,
        long raiseOverflow) {

    /**
     * One contradiction.
     *
     * @param offset host offset of the field that is wrong, or of the cluster concerned
     * @param problem what is wrong with it
     */
    public record Corruption(long offset, String problem) {}

    /** Whether nothing contradicts; leaks do not count. */
    public boolean isSound() {
        return corruptionCount == 0;
    }
}
