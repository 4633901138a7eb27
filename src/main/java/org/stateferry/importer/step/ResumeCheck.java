package org.stateferry.importer.step;

import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalPlan;
import org.stateferry.journal.PublishIntent;
import org.stateferry.qcow2.ClusterAllocator;

/**
 * Decides whether an earlier attempt's work can be kept, under the image's lock. Nothing is believed that was not looked
 * at now: the clusters must still be free in the image's refcounts and their content must have the checksum recorded. That
 * somebody has used the image in between is no reason to write the same data again; it may be one to warn of the disk.
 */
final class ResumeCheck {
    private final ImportSession session;
    private final Journal journal;
    private final Executor executor;

    /**
     * What can be kept.
     *
     * @param bufferCount how many buffers from the stream's start on are proven to be on disk
     * @param reason why not more, or null if nothing stood against it
     */
    record Verdict(long bufferCount, @Nullable String reason) {}

    /**
     * @param executor reads the buffers back
     */
    ResumeCheck(ImportSession session, Journal journal, Executor executor) {
        this.session = session;
        this.journal = journal;
        this.executor = executor;
    }

    /**
     * Compares the plan, the image and the data; proven buffers are claimed from the allocator.
     *
     * @param now what this attempt would set out to do
     */
    Verdict check(JournalPlan now, ClusterAllocator allocator) throws StateferryException {
        String objection = objection(now);
        return objection != null ? new Verdict(0, objection) : verifyBuffers(allocator);
    }

    private @Nullable String objection(JournalPlan now) throws StateferryException {
        JournalPlan then = journal.plan();
        if (!then.imageKey().equals(now.imageKey())) {
            return "another file has taken the image's place since";
        }
        if (!then.importKey().equals(now.importKey())) {
            return "the journal is that of another import into this image";
        }
        if (journal.isFinished()) {
            return "the earlier attempt was given up and its space given back";
        }
        if (!then.fitsStream(now)
                || then.bufferSize() != now.bufferSize()
                || then.clusterSize() != now.clusterSize()
                || then.incompatibleFeatures() != now.incompatibleFeatures()) {
            return "the image's layout or the dump's length has changed since";
        }
        if (journal.hasForceFailed()) {
            return "the disk reported an error when the earlier attempt forced its data";
        }
        Optional<PublishIntent> intent = journal.intent();
        if (intent.isPresent()
                && !Arrays.equals(intent.get().sectorBefore(), session.image().headerSector())) {
            return "the image's header has changed since";
        }
        return null;
    }

    private Verdict verifyBuffers(ClusterAllocator allocator) throws StateferryException {
        JournalPlan plan = journal.plan();
        try (BufferProofs proofs = new BufferProofs(session.image(), journal, executor)) {
            long index = 0;
            while (index < plan.bufferCount()) {
                session.requireNotStopped();
                Optional<BufferProofs.Proof> found = proofs.next();
                if (found.isEmpty()) {
                    return new Verdict(index, null);
                }
                BufferRecord buffer = found.get().buffer();
                if (!proofs.isPlausible(buffer)) {
                    return new Verdict(index, "the journal is damaged at buffer " + index);
                }
                // First, because who took the clusters has most likely written to them as well.
                if (!reclaim(buffer, allocator)) {
                    return new Verdict(index, "clusters of the earlier attempt were put to other use");
                }
                if (!found.get().isIntact()) {
                    return new Verdict(
                            index,
                            "the data from stream byte " + index * plan.bufferSize() + " on did not reach the disk");
                }
                index += buffer.count();
            }
        }
        return new Verdict(plan.bufferCount(), null);
    }

    /** What is claimed for a buffer that is then not kept stays free: clusters without a reference have no refcount. */
    private static boolean reclaim(BufferRecord buffer, ClusterAllocator allocator) throws StateferryException {
        for (long entry : buffer.entries()) {
            if (!allocator.reclaim(entry)) {
                return false;
            }
        }
        return true;
    }
}
