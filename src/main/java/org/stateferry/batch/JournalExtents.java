package org.stateferry.batch;

import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.VmStateExtents;
import org.stateferry.transfer.BufferRecord;
import org.stateferry.transfer.Journal;

/**
 * Where the vmstate lies, read from the journal's buffer records in the order of the stream. A record that is missing or
 * has the wrong length ends the publish: the vmstate is not complete.
 */
record JournalExtents(Journal journal) implements VmStateExtents {
    @Override
    public long vmStateSize() {
        return journal.plan().streamLength();
    }

    @Override
    public void forEach(Consumer consumer) throws StateferryException {
        int clusterSize = journal.plan().clusterSize();
        long left = journal.plan().streamLength();
        for (long index = 0; index < journal.plan().bufferCount(); index++) {
            BufferRecord record = required(index);
            long content = Math.min(left, journal.plan().bufferSize());
            long clusters = (content + clusterSize - 1) / clusterSize;
            if (record.size() != clusters * clusterSize) {
                throw StateferryException.of(
                        FailureKind.INTERNAL,
                        "buffer " + index + " was written with " + record.size() + " bytes, not "
                                + clusters * clusterSize);
            }
            consumer.extent(record.hostOffset(), clusters);
            left -= content;
        }
    }

    BufferRecord required(long index) throws StateferryException {
        return journal.buffer(index)
                .orElseThrow(() -> StateferryException.of(
                        FailureKind.INTERNAL, "the journal has no record of buffer " + index + " of the vmstate"));
    }
}
