package org.stateferry.journal;

import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.VmStateMap;

/**
 * Where the vmstate lies, read from the journal's buffer records in the order of the stream. A record that is missing
 * ends the publish: the vmstate is not complete.
 */
public record JournalVmStateMap(Journal journal) implements VmStateMap {
    @Override
    public long vmStateSize() {
        return journal.plan().streamLength();
    }

    @Override
    public void forEach(Consumer consumer) throws StateferryException {
        long index = 0;
        while (index < journal.plan().bufferCount()) {
            long missing = index;
            BufferRecord buffer = journal.buffer(index).orElseThrow(() -> incomplete(missing));
            for (int number = 0; number < buffer.count(); number++) {
                for (long entry : buffer.entries()) {
                    consumer.cluster(entry);
                }
            }
            index += buffer.count();
        }
    }

    /** The failure of a publish for which the record of a buffer is missing. */
    public static StateferryException incomplete(long index) {
        return StateferryException.of(
                FailureKind.INTERNAL, "the journal has no record of buffer " + index + " of the vmstate");
    }
}
