package org.stateferry.bench;

import org.stateferry.transfer.BufferPlacer;

/** Places every buffer behind the one before. Not thread-safe. */
final class NextFree implements BufferPlacer {
    private long end;

    @Override
    public long place(int size) {
        long start = end;
        end += size;
        return start;
    }
}
