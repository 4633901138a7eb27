package org.stateferry.source.mapped;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.stateferry.stream.ComposedStream;

/**
 * The bitmap of a RAM block: which of its pages have content. QEMU has no byte order for it but that of the host it runs on, and takes
 * the state to be loaded on such a one; so it is that of this host.
 *
 * <p>Thread-safe.
 */
record IndexedBitmap(PageIndex index) implements ComposedStream.Part {
    @Override
    public long size() {
        return (index.pageCount() + Long.SIZE - 1) / Long.SIZE * Long.BYTES;
    }

    @Override
    public void read(ByteBuffer target, long at) {
        ByteBuffer word = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
        long offset = at;
        while (target.hasRemaining()) {
            word.clear().putLong(index.wordAt(offset / Long.BYTES * Long.SIZE));
            int within = (int) (offset % Long.BYTES);
            int count = Math.min(target.remaining(), Long.BYTES - within);
            target.put(word.slice(within, count));
            offset += count;
        }
    }
}
