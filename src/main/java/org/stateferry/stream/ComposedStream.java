package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * A stream that is put together from parts of a file and from other bytes, read as if it were a file of its own, at any
 * offset. The same file gives the same bytes.
 *
 * <p>Thread-safe if its parts are; it keeps nothing of what was read.
 */
public final class ComposedStream implements StreamFile {
    private final Path path;
    private final List<Part> parts;
    /** Where each part begins, and at last where the stream ends. */
    private final long[] starts;

    /** Bytes that follow one another in the stream. Thread-safe. */
    public interface Part {
        /** How many bytes. */
        long size();

        /** Fills {@code target} from its position to its limit with the bytes from {@code at} on, which the part has. */
        void read(ByteBuffer target, long at) throws StateferryException;

        /** As {@link StreamFile#nextData}, counted from the part's first byte. */
        default long nextData(long at) {
            return at;
        }

        /** As {@link StreamFile#zerosEnd}, counted from the part's first byte. */
        default long zerosEnd(long at, long max) throws StateferryException {
            return at;
        }
    }

    /** A range of a file. */
    public record Range(StreamFile file, long offset, long size) implements Part {
        @Override
        public void read(ByteBuffer target, long at) throws StateferryException {
            file.readFully(target, offset + at);
        }

        @Override
        public long nextData(long at) {
            return Math.min(size, file.nextData(offset + at) - offset);
        }
    }

    /** Zeros that no file holds. */
    public record Zeros(long size) implements Part {
        @Override
        public void read(ByteBuffer target, long at) {
            ZeroBytes.put(target, target.remaining());
        }

        @Override
        public long nextData(long at) {
            return size;
        }

        @Override
        public long zerosEnd(long at, long max) {
            return Math.min(size, at + max);
        }
    }

    /** Bytes in memory; the array is not copied, and nobody changes it. */
    public record Bytes(byte[] bytes) implements Part {
        @Override
        public long size() {
            return bytes.length;
        }

        @Override
        public void read(ByteBuffer target, long at) {
            target.put(bytes, (int) at, target.remaining());
        }
    }

    /**
     * @param path of the file that the parts come from, for messages
     * @param parts in the order of the stream; none may be larger than it says
     */
    public ComposedStream(Path path, List<? extends Part> parts) {
        this.path = path;
        this.parts = new ArrayList<>(parts.size());
        for (Part part : parts) {
            if (part.size() > 0) {
                this.parts.add(part);
            }
        }
        this.starts = new long[this.parts.size() + 1];
        for (int index = 0; index < this.parts.size(); index++) {
            starts[index + 1] =
                    Math.addExact(starts[index], this.parts.get(index).size());
        }
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        return starts[parts.size()];
    }

    @Override
    public void readFully(ByteBuffer target, long offset) throws StateferryException {
        if (target.remaining() > size() - offset) {
            throw StateferryException.at(FailureKind.DUMP_INVALID, path, size(), "the stream ends here");
        }
        int end = target.limit();
        long at = offset;
        for (int index = indexOf(offset); target.position() < end; index++) {
            int count = (int) Math.min(end - target.position(), starts[index + 1] - at);
            target.limit(target.position() + count);
            try {
                parts.get(index).read(target, at - starts[index]);
            } finally {
                target.limit(end);
            }
            at += count;
        }
    }

    @Override
    public long nextData(long offset) {
        long at = offset;
        for (int index = indexOf(offset); index < parts.size(); index++) {
            long data = starts[index] + parts.get(index).nextData(at - starts[index]);
            if (data < starts[index + 1]) {
                return data;
            }
            at = starts[index + 1];
        }
        return size();
    }

    @Override
    public long zerosEnd(long offset, long max) throws StateferryException {
        if (parts.isEmpty()) {
            return offset;
        }
        int index = indexOf(offset);
        return starts[index] + parts.get(index).zerosEnd(offset - starts[index], max);
    }

    /** The index of the part that has the byte at an offset; that of the last if none has. */
    private int indexOf(long offset) {
        int low = 0;
        int high = parts.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (starts[middle] <= offset) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
