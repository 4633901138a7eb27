package org.stateferry.source;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.stateferry.error.StateferryException;
import org.stateferry.source.codec.ByteFeed;

/** A pipe whose next bytes can be looked at before they are read: at most as many as the text of a libvirt save file has. */
final class HeadFeed implements ByteFeed, DumpLayout.Probe {
    private static final int READ_SIZE = 64 * 1024;

    private final ByteFeed feed;
    private byte[] held = new byte[0];
    /** What is held: from this index on, so many bytes. */
    private int heldStart;

    private int heldCount;
    private long offset;
    private boolean ended;

    HeadFeed(ByteFeed feed) {
        this.feed = feed;
    }

    /** Passes what lies before the offset. */
    @Override
    public ByteBuffer at(long wanted, int count) throws StateferryException {
        while (offset < wanted && (heldCount > 0 || hold(1))) {
            int passed = (int) Math.min(heldCount, wanted - offset);
            take(passed);
        }
        while (heldCount < count && !ended) {
            hold(count);
        }
        return ByteBuffer.wrap(held, heldStart, Math.min(count, heldCount)).slice();
    }

    private void take(int count) {
        heldStart += count;
        heldCount -= count;
        offset += count;
    }

    /** Holds some bytes more; false if there are none. */
    private boolean hold(int wanted) throws StateferryException {
        held = Arrays.copyOf(
                Arrays.copyOfRange(held, heldStart, heldStart + heldCount), Math.max(wanted, heldCount) + READ_SIZE);
        heldStart = 0;
        int count = feed.read(ByteBuffer.wrap(held, heldCount, held.length - heldCount));
        ended = count < 0;
        heldCount += Math.max(0, count);
        return !ended;
    }

    @Override
    public int read(ByteBuffer target) throws StateferryException {
        if (heldCount == 0) {
            return ended ? -1 : feed.read(target);
        }
        int count = Math.min(heldCount, target.remaining());
        target.put(held, heldStart, count);
        take(count);
        if (heldCount == 0) {
            held = new byte[0];
            heldStart = 0;
        }
        return count;
    }

    @Override
    public void close() throws StateferryException {
        feed.close();
    }
}
