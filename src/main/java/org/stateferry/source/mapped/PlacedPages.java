package org.stateferry.source.mapped;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.ComposedStream;
import org.stateferry.stream.MappedBlock;
import org.stateferry.stream.StreamFile;

/**
 * The pages of a mapped block as they lie in the file. Where the bitmap has no page and the file a hole, nobody needs to read
 * to know that there are zeros; a hole that is not one does no harm there, as nobody loads what the bitmap does not have.
 *
 * <p>Thread-safe.
 */
record PlacedPages(StreamFile file, MappedBlock block, PageBitmap bitmap) implements ComposedStream.Part {
    @Override
    public long size() {
        return block.block().usedLength();
    }

    @Override
    public void read(ByteBuffer target, long at) throws StateferryException {
        file.readFully(target, block.pagesOffset() + at);
    }

    @Override
    public long nextData(long at) {
        return Math.min(size(), file.nextData(block.pagesOffset() + at) - block.pagesOffset());
    }

    @Override
    public long zerosEnd(long at, long max) throws StateferryException {
        // First, because it may be near, and then only so much of the bitmap has to be looked at.
        long end = Math.min(nextData(at), at + max);
        long page = at / block.pageSize();
        if (end <= at || bitmap.isPresent(page)) {
            return at;
        }
        long pagesMax = Math.min(Integer.MAX_VALUE, (end - at) / block.pageSize() + 2);
        long absentEnd = (page + bitmap.runLength(page, (int) pagesMax)) * block.pageSize();
        return Math.max(at, Math.min(absentEnd, end));
    }
}
