package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;

/** A dump whose stream can be read from any position, and whose length is known, because the file that it lies in can. */
abstract class SeekableDump implements DumpSource {
    private final DumpHolder file;
    private final DumpForm form;
    private final long streamLength;
    private final @Nullable StateferryException damage;
    private final List<String> warnings;

    /**
     * @param file what the dump lies in, open; closed with the source
     * @param streamLength the stream's length in bytes
     * @param damage the first damage in the dump that is known, or null
     * @param warnings what the operator should know
     */
    SeekableDump(
            DumpHolder file,
            DumpForm form,
            long streamLength,
            @Nullable StateferryException damage,
            List<String> warnings) {
        this.file = file;
        this.form = form;
        this.streamLength = streamLength;
        this.damage = damage;
        this.warnings = List.copyOf(warnings);
    }

    @Override
    public final Path path() {
        return file.path();
    }

    @Override
    public final DumpForm form() {
        return form;
    }

    @Override
    public final Access access() {
        return form.pipe() ? Access.ONCE : Access.RANDOM;
    }

    @Override
    public final OptionalLong streamLength() {
        return OptionalLong.of(streamLength);
    }

    @Override
    public final long expectedLength() {
        return streamLength;
    }

    @Override
    public final Instant modified() {
        return file.modified();
    }

    @Override
    public final List<String> warnings() {
        return warnings;
    }

    @Override
    public final void requireSound() throws StateferryException {
        if (damage != null) {
            throw damage;
        }
    }

    @Override
    public final FileStatus status() {
        return file.status();
    }

    @Override
    public final PieceStream pieces(long fromOffset) {
        if (fromOffset < 0 || fromOffset > streamLength) {
            throw new IllegalArgumentException("offset " + fromOffset + " of a stream of " + streamLength + " bytes");
        }
        return piecesFrom(fromOffset);
    }

    /** @param offset within the stream, or its end */
    abstract PieceStream piecesFrom(long offset);

    @Override
    public final void close() throws StateferryException {
        file.close();
    }

    /** Reads the stream from an offset on. The file stays open when this is closed: it belongs to the source. */
    abstract class Pieces implements PieceStream {
        /** How far the stream was read or skipped, in bytes. */
        long offset;

        Pieces(long offset) {
            this.offset = offset;
        }

        /** Fills the buffer with what lies at {@link #offset} of the stream; there is that much. */
        abstract void readFully(ByteBuffer target) throws StateferryException;

        /** Hears of each piece that was read, after {@link #offset} has moved behind it: the last bytes before the buffer's position. */
        abstract void wasRead(ByteBuffer target, int count);

        @Override
        public final int read(ByteBuffer target) throws StateferryException {
            int count = (int) Math.min(target.remaining(), streamLength - offset);
            int limit = target.limit();
            target.limit(target.position() + count);
            try {
                readFully(target);
            } finally {
                target.limit(limit);
            }
            offset += count;
            wasRead(target, count);
            return count;
        }

        @Override
        public final long skipHole(int unit) {
            long skipped = nextData(offset) - offset;
            if (offset + skipped < streamLength) {
                skipped -= skipped % unit;
            }
            offset += skipped;
            return skipped;
        }
    }
}
