package org.stateferry.stream.inspection;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.RamFlag;
import org.stateferry.stream.RamWalker;
import org.stateferry.stream.StreamListener;

/** Hands on what the pages in a stream hold, as their records come. Not thread-safe. */
final class RamFeed {
    private final RamContent target;
    private boolean begun;
    private int block;
    private long pageOffset;
    /** Where in the block the next bytes belong, and how many of them are still to come. */
    private long at;

    private int left;
    /** Whoever hands bytes on cannot fail. */
    private @Nullable StateferryException failure;

    RamFeed(RamContent target) {
        this.target = target;
    }

    private void begin(RamWalker ram) throws StateferryException {
        if (!begun) {
            begun = true;
            target.begin(ram.blocks());
        }
    }

    /** Takes the next record of a page, as {@link StreamListener#page} tells of it. */
    void page(RamWalker ram, int nextBlock, long offset, int kind) throws StateferryException {
        begin(ram);
        block = nextBlock;
        pageOffset = offset;
        at = offset;
        left = kind == RamFlag.PAGE ? ram.pageSize() : 0;
        if (kind == RamFlag.ZERO) {
            target.zero(block, offset, ram.pageSize());
        }
    }

    /** The next bytes belong to this part of the page whose record came last, in which the others stay. */
    void changes(int offsetInPage, int size) {
        at = pageOffset + offsetInPage;
        left = size;
    }

    /** Whether content comes next. */
    boolean wantsContent() {
        return left > 0;
    }

    /** Takes the next bytes, if they are content. */
    void content(ByteBuffer bytes) {
        int count = Math.min(left, bytes.remaining());
        if (count == 0 || failure != null) {
            return;
        }
        try {
            target.write(block, at, bytes.slice(bytes.position(), count));
        } catch (StateferryException e) {
            failure = e;
        }
        at += count;
        left -= count;
    }

    /** Fails if the content could not be taken. */
    void requireTaken() throws StateferryException {
        if (failure != null) {
            throw failure;
        }
    }

    /** RAM ends; it may have no pages. */
    void end(RamWalker ram) throws StateferryException {
        begin(ram);
    }
}
