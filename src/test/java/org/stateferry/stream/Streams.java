package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/** Opens and checks streams that are held in memory. */
final class Streams {
    static final Path FILE = Path.of("dump");

    private Streams() {}

    static MigrationStream open(byte[] bytes) throws StateferryException {
        return openAt(0, bytes);
    }

    /** The stream as if it began at an offset of its file. */
    static MigrationStream openAt(long fileOffset, byte[] bytes) throws StateferryException {
        ByteBuffer all = ByteBuffer.wrap(bytes);
        VmDescription vmDescription = VmDescription.find(FILE, fileOffset, all, bytes.length);
        StreamFacts facts = StreamHead.read(FILE, fileOffset, all, bytes.length, vmDescription);
        return new MigrationStream(FILE, fileOffset, bytes.length, facts, vmDescription);
    }

    /** Checks a whole stream in pieces of a size. */
    static StreamCheck.@Nullable Unchecked check(byte[] bytes, int pieceSize) throws StateferryException {
        StreamCheck check = new StreamChecker(open(bytes));
        feed(check, bytes, 0, pieceSize);
        check.finish();
        return check.unchecked();
    }

    static StreamCheck.@Nullable Unchecked check(byte[] bytes) throws StateferryException {
        return check(bytes, Math.max(1, bytes.length));
    }

    static void feed(StreamCheck check, byte[] bytes, int from, int pieceSize) throws StateferryException {
        for (int at = from; at < bytes.length; at += pieceSize) {
            check.accept(ByteBuffer.wrap(bytes, at, Math.min(pieceSize, bytes.length - at)));
        }
    }
}
