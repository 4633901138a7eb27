package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** Opens and checks streams that are held in memory. */
final class Streams {
    static final Path FILE = Path.of("dump");

    private static final StreamSurvey.Effort MEASURED = new StreamSurvey.Effort(false, Long.MAX_VALUE);

    private Streams() {}

    /** A file whose first bytes, before those that are given, are not looked at. */
    private record MemoryFile(long start, ByteBuffer bytes) implements StreamFile {
        @Override
        public Path path() {
            return FILE;
        }

        @Override
        public long size() {
            return start + bytes.capacity();
        }

        @Override
        public void readFully(ByteBuffer target, long offset) throws StateferryException {
            if (offset + target.remaining() > size()) {
                throw StateferryException.at(FailureKind.IO, FILE, offset, "read beyond the end");
            }
            target.put(bytes.slice((int) (offset - start), target.remaining()));
        }

        @Override
        public long nextData(long offset) {
            return offset;
        }
    }

    static StreamSurvey.Result survey(byte[] bytes) throws StateferryException {
        return survey(0, bytes, MEASURED);
    }

    /** What is found at an offset of a file that ends with {@code bytes}. */
    static StreamSurvey.Result survey(long fileOffset, byte[] bytes, StreamSurvey.Effort effort)
            throws StateferryException {
        return StreamSurvey.run(new MemoryFile(fileOffset, ByteBuffer.wrap(bytes)), fileOffset, effort);
    }

    static MigrationStream open(byte[] bytes) throws StateferryException {
        return openAt(0, bytes);
    }

    /** The stream as if it began at an offset of its file. */
    static MigrationStream openAt(long fileOffset, byte[] bytes) throws StateferryException {
        return opened(survey(fileOffset, bytes, MEASURED));
    }

    /** Damage inside of a stream whose end is known is left to the stream's check, so that this is tested. */
    private static MigrationStream opened(StreamSurvey.Result result) throws StateferryException {
        if (result.obstacle() != null) {
            throw result.obstacle();
        }
        if (result.damage() != null && result.stream().vmDescription() == null) {
            throw result.damage();
        }
        return result.stream();
    }

    /** The stream, with the vmdescription at the end of the file taken for its own. */
    static MigrationStream openTrusting(byte[] bytes) throws StateferryException {
        return opened(survey(0, bytes, new StreamSurvey.Effort(true, Long.MAX_VALUE)));
    }

    /** Checks a whole stream in pieces of a size. */
    static StreamCheck.@Nullable Unchecked check(byte[] bytes, int pieceSize) throws StateferryException {
        return check(open(bytes), bytes, pieceSize);
    }

    static StreamCheck.@Nullable Unchecked check(MigrationStream stream, byte[] bytes, int pieceSize)
            throws StateferryException {
        StreamCheck check = new StreamChecker(stream);
        feed(check, bytes, 0, (int) stream.length(), pieceSize);
        check.finish();
        return check.unchecked();
    }

    static StreamCheck.@Nullable Unchecked check(byte[] bytes) throws StateferryException {
        return check(bytes, Math.max(1, bytes.length));
    }

    static void feed(StreamCheck check, byte[] bytes, int from, int pieceSize) throws StateferryException {
        feed(check, bytes, from, bytes.length, pieceSize);
    }

    private static void feed(StreamCheck check, byte[] bytes, int from, int to, int pieceSize)
            throws StateferryException {
        for (int at = from; at < to; at += pieceSize) {
            check.accept(ByteBuffer.wrap(bytes, at, Math.min(pieceSize, to - at)));
        }
    }
}
