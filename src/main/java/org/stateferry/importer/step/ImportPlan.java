package org.stateferry.importer.step;

import org.stateferry.journal.Journal;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.stream.StreamCheck;

/**
 * What prepare decided; the later steps carry it out.
 *
 * @param report the check of the old image
 * @param allocator has claimed the buffers that earlier attempts wrote
 * @param journal of this import
 * @param firstBuffer the number of the first buffer to be written; those before it are proven to be on disk
 * @param check the stream checker in its state at {@code checkPosition}
 * @param checkPosition the stream position from which on the checker wants bytes, not above the first buffer's
 * @param dataFile where the vmstate's data is written through
 */
public record ImportPlan(
        CheckReport report,
        ClusterAllocator allocator,
        Journal journal,
        long firstBuffer,
        StreamCheck check,
        long checkPosition,
        DataFile dataFile) {}
