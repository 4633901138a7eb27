package org.stateferry.importer.step;

import org.stateferry.host.ProcessIo;
import org.stateferry.importer.TransferLoad;
import org.stateferry.transfer.TransferObserver;

/**
 * Measures how a transfer uses the system, and forwards every call to another observer. It starts with its creation.
 * What other imports of the same process read and write counts too. Thread-safe.
 */
final class LoadMeter implements TransferObserver {
    private final TransferObserver next;
    private final long startNanos = System.nanoTime();
    private final ProcessIo startIo = ProcessIo.soFar();

    /** How many writes are in flight; guarded by this object, as the following. */
    private int inFlight;

    private long busySinceNanos;
    private long busyNanos;

    LoadMeter(TransferObserver next) {
        this.next = next;
    }

    @Override
    public void streamRead(int bytes) {
        next.streamRead(bytes);
    }

    @Override
    public void bufferWritten(int bytes, long nanos) {
        next.bufferWritten(bytes, nanos);
    }

    @Override
    public void blockedNanos(long nanos) {
        next.blockedNanos(nanos);
    }

    @Override
    public void inFlight(int change) {
        count(change);
        next.inFlight(change);
    }

    private synchronized void count(int change) {
        long now = System.nanoTime();
        if (inFlight == 0) {
            busySinceNanos = now;
        }
        inFlight += change;
        if (inFlight == 0) {
            busyNanos += now - busySinceNanos;
        }
    }

    /** The load so far; nothing is in flight any more. */
    synchronized TransferLoad load() {
        ProcessIo io = ProcessIo.soFar().since(startIo);
        double share = busyNanos / (double) Math.max(1, System.nanoTime() - startNanos);
        return new TransferLoad(share, io.readCalls(), io.writeCalls(), io.bytesRead(), io.bytesWritten());
    }
}
