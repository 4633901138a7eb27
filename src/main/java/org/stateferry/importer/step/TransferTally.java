package org.stateferry.importer.step;

import java.util.concurrent.atomic.LongAdder;
import org.stateferry.importer.TransferLoad;
import org.stateferry.qcow2.vmstate.VmStateWriter;

/** How one attempt's data has got into the image so far, in bytes. Thread-safe. */
public final class TransferTally {
    private final LongAdder stored = new LongAdder();
    private final LongAdder shared = new LongAdder();
    private final LongAdder copied = new LongAdder();
    private volatile TransferLoad load = TransferLoad.NONE;

    void add(VmStateWriter.Stored piece) {
        stored.add(piece.size());
        shared.add(piece.sharedSize());
        copied.add(piece.copiedSize());
    }

    void ended(TransferLoad measured) {
        load = measured;
    }

    /** How the system was used until the last write had ended. */
    public TransferLoad load() {
        return load;
    }

    /** What was put into the image in whatever way, less what was left out as zero or saved by compression. */
    public long stored() {
        return stored.sum();
    }

    /** The part of it that shares the dump's blocks and was not written. */
    public long shared() {
        return shared.sum();
    }

    /** The part of it that the kernel has copied from file to file. */
    public long copied() {
        return copied.sum();
    }
}
