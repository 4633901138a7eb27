package org.stateferry.source.mapped;

import java.nio.ByteBuffer;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.ComposedStream;
import org.stateferry.stream.StreamFile;

/**
 * The pages of a RAM block in their order, read from wherever a plain stream has them. Pages that follow one another there are read
 * at once, with the heads of their records in between.
 *
 * <p>Thread-safe. Memory is at most 256 KiB for each thread that reads.
 *
 * @param file the stream's
 * @param streamOffset where in the file the stream begins
 */
record IndexedPages(StreamFile file, long streamOffset, int pageSize, PageIndex index) implements ComposedStream.Part {
    private static final int HEAD_SIZE = Long.BYTES;
    private static final int RUN_SIZE_MAX = 256 * 1024;

    @Override
    public long size() {
        return index.pageCount() * pageSize;
    }

    @Override
    public void read(ByteBuffer target, long at) throws StateferryException {
        long offset = at;
        while (target.hasRemaining()) {
            long page = offset / pageSize;
            int before = target.remaining();
            if (!index.isPresent(page)) {
                long zerosEnd = index.nextPresent(page) * pageSize;
                ZeroBytes.put(target, (int) Math.min(target.remaining(), zerosEnd - offset));
            } else if (offset % pageSize == 0 && target.remaining() >= pageSize) {
                int wanted =
                        Math.min(target.remaining() / pageSize, Math.max(1, RUN_SIZE_MAX / (HEAD_SIZE + pageSize)));
                readRun(target, page, index.runLength(page, wanted));
            } else {
                int within = (int) (offset % pageSize);
                int count = Math.min(target.remaining(), pageSize - within);
                read(target, count, index.place(page) + within);
            }
            offset += before - target.remaining();
        }
    }

    private void readRun(ByteBuffer target, long page, int count) throws StateferryException {
        if (count == 1) {
            read(target, pageSize, index.place(page));
            return;
        }
        int step = HEAD_SIZE + pageSize;
        ByteBuffer run = file.read(streamOffset + index.place(page), count * step - HEAD_SIZE);
        for (int done = 0; done < count; done++) {
            target.put(run.slice(done * step, pageSize));
        }
    }

    private void read(ByteBuffer target, int count, long place) throws StateferryException {
        int limit = target.limit();
        target.limit(target.position() + count);
        file.readFully(target, streamOffset + place);
        target.limit(limit);
    }

    @Override
    public long nextData(long at) {
        return Math.max(at, index.nextPresent(at / pageSize) * pageSize);
    }

    @Override
    public long zerosEnd(long at, long max) {
        return Math.min(nextData(at), at + max);
    }
}
