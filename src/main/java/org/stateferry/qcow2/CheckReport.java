package org.stateferry.qcow2;

import java.util.List;
import org.stateferry.error.FailureKind;
import org.stateferry.qcow2.format.BitmapsExtension;

/**
 * What a check of an image's metadata found.
 *
 * @param corruptionCount contradictions that may lose data: what {@code qemu-img check} counts as corruptions
 * @param corruptions the first 20 of them
 * @param leakCount clusters of the file whose refcount is higher than the number of references; they only waste space
 * @param pastEndCount clusters past the end of the file that have a refcount; {@code qemu-img check} does not see them, and
 *     they are leaks as soon as the file reaches them
 * @param firstPastEnd the first of them, or -1
 * @param freeCount clusters inside the file with refcount 0, in runs of at least 1 MiB; shorter runs are used for tables alone
 * @param firstFreeCluster the first cluster with refcount 0, or the one after all in use if there is none inside the
 *     file
 * @param usedClusterEnd the cluster after the last one with a refcount above zero
 * @param raiseOverflow the first cluster whose refcount has no room for a snapshot that shares it and for loading that
 *     snapshot, during which QEMU counts every cluster of it once more; or -1
 */
public record CheckReport(
        long corruptionCount,
        List<Corruption> corruptions,
        long leakCount,
        long pastEndCount,
        long firstPastEnd,
        long freeCount,
        long firstFreeCluster,
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

    /** The first contradiction, of an image that has some, and how many there are. */
    public String firstOfAll() {
        String first = corruptions.get(0).problem();
        return corruptionCount == 1 ? first : first + " (" + corruptionCount + " errors in all)";
    }

    /** What helps against the contradictions that were found in an image. */
    public String nextStep(Qcow2Image image) {
        if (corruptions.stream().map(Corruption::problem).anyMatch(BitmapsExtension::isUnacceptable)) {
            return BitmapsExtension.ADVICE;
        }
        String repair = FailureKind.IMAGE_CORRUPT.nextStep();
        return image.mayHaveBitmaps()
                ? repair + " If QEMU cannot open it, make it forget all bitmaps first: " + BitmapsExtension.FORGET_ALL
                : repair;
    }
}
