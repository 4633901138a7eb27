package org.stateferry.source;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.codec.SequentialBytes;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamFollower;
import org.stateferry.stream.StreamOpening;

/**
 * The decoded content of a compressed file, readable at any offset: fast in sequence, and at its beginning and end,
 * which are kept ({@link #KEPT_SIZE} bytes each). Any other step back decodes it anew. Not thread-safe.
 */
final class DecodedFile implements StreamFile, Closeable {
    private static final int CHUNK_SIZE = 1024 * 1024;
    private static final int KEPT_SIZE = 2 * CHUNK_SIZE;
    /** How much is read behind the end of a stream: whoever writes whole blocks leaves less. */
    private static final long SURPLUS_MAX = 64L << 20;

    private final SequentialDump.Input input;
    /** The first bytes, up to the position. */
    private final ByteBuffer head = ByteBuffer.allocate(KEPT_SIZE);
    /** The last bytes that were decoded, from {@link #tailStart} on, up to the position. */
    private final ByteBuffer tail = ByteBuffer.allocate(KEPT_SIZE);

    private long tailStart;
    private long size;
    private @Nullable SequentialBytes bytes;
    /** What was decoded last, from index 0 to the limit, and where in the stream that begins; in direct memory, as zstd wants. */
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_SIZE);

    private long chunkStart;

    /**
     * What was found.
     *
     * @param content to be read; closed by the caller
     * @param stream the stream in it; as far as it could be decoded if it is damaged
     * @param damage what ended the decoding, or null
     * @param guestRanOn whether the guest is known to have run on while it was saved
     */
    record Decoded(
            DecodedFile content,
            MigrationStream stream,
            @Nullable StateferryException damage,
            boolean guestRanOn) {}

    private DecodedFile(SequentialDump.Input input) {
        this.input = input;
    }

    /**
     * Decodes all of the stream once. Of one whose pages lie at fixed places only its head is read, as it cannot be followed in its
     * order.
     *
     * @param input stays the caller's
     * @throws StateferryException if the file cannot be read, or does not begin with a stream that can be followed; that it is
     *     damaged further on is no failure
     */
    static Decoded decode(SequentialDump.Input input, DumpLayout layout) throws StateferryException {
        DecodedFile file = new DecodedFile(input);
        Path path = input.path();
        try (SequentialBytes bytes = input.begin()) {
            ByteBuffer prefix = ByteBuffer.allocateDirect(StreamOpening.SIZE_MAX);
            StateferryException damage = read(bytes, prefix);
            prefix.flip();
            if (damage != null && !DumpLayout.isStream(prefix)) {
                throw damage;
            }
            StreamFacts facts = SequentialDump.facts(input, layout, prefix);
            if (facts.isMapped()) {
                return new Decoded(file, new MigrationStream(path, 0, 0, 0, facts, null), null, false);
            }
            StreamFollower follower = new StreamFollower(path, facts, layout.offsets());
            damage = file.follow(bytes, prefix, damage, follower);
            if (damage != null) {
                return new Decoded(
                        file, new MigrationStream(path, 0, file.size, 0, facts, null), damage, follower.guestRanOn());
            }
            long decoded = file.size;
            file.size = follower.length();
            return new Decoded(
                    file, follower.stream(file.surplus(bytes, decoded - file.size)), null, follower.guestRanOn());
        }
    }

    /** Fills a buffer; returns what kept it from being filled, or null. */
    private static @Nullable StateferryException read(SequentialBytes source, ByteBuffer target)
            throws StateferryException {
        try {
            source.read(target);
            return null;
        } catch (StateferryException e) {
            return requireDamage(e);
        }
    }

    /** Follows the stream to its end; returns what is wrong with it, or null. */
    private @Nullable StateferryException follow(
            SequentialBytes source, ByteBuffer prefix, @Nullable StateferryException met, StreamFollower follower)
            throws StateferryException {
        ByteBuffer piece = prefix;
        StateferryException damage = met;
        while (true) {
            boolean more = damage == null && piece.limit() == piece.capacity();
            keep(piece);
            try {
                follower.accept(piece);
                if (!more && damage == null) {
                    follower.finish();
                }
            } catch (StateferryException e) {
                return requireDamage(e);
            }
            if (follower.isEnded()) {
                return null;
            }
            if (damage != null) {
                return damage;
            }
            piece = chunk;
            damage = read(source, piece.clear());
            piece.flip();
        }
    }

    private static StateferryException requireDamage(StateferryException e) throws StateferryException {
        if (e.kind() != FailureKind.DUMP_INVALID && e.kind() != FailureKind.DUMP_UNFIT) {
            throw e;
        }
        return e;
    }

    private void keep(ByteBuffer piece) {
        head.put(piece.slice(0, Math.min(head.remaining(), piece.limit())));
        for (int at = 0; at < piece.limit(); at += CHUNK_SIZE) {
            keepTail(piece.slice(at, Math.min(CHUNK_SIZE, piece.limit() - at)));
        }
        size += piece.limit();
    }

    private void keepTail(ByteBuffer piece) {
        int dropped = Math.max(0, piece.remaining() - tail.remaining());
        tail.flip().position(dropped);
        tail.compact();
        tailStart += dropped;
        tail.put(piece);
    }

    /** How many bytes follow that are neither part of the stream nor padding. */
    private long surplus(SequentialBytes bytes, long decoded) throws StateferryException {
        long read = decoded;
        long surplus = 0;
        boolean more = true;
        while (more && read < SURPLUS_MAX) {
            if (read(bytes, chunk.clear()) != null) {
                return surplus; // the stream is whole
            }
            more = chunk.position() > 0;
            read += chunk.position();
            int content = FollowedPieces.endOfContent(chunk.flip());
            surplus = content > 0 ? read - chunk.limit() + content : surplus;
        }
        return surplus + (more ? 0 : bytes.surplus(SURPLUS_MAX));
    }

    @Override
    public Path path() {
        return input.path();
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public boolean isReadAnywhere() {
        return false;
    }

    @Override
    public long nextData(long offset) {
        return offset;
    }

    @Override
    public void readFully(ByteBuffer target, long offset) throws StateferryException {
        long at = offset;
        while (target.hasRemaining()) {
            int count;
            if (at < head.position()) {
                count = copy(head, (int) at, target);
            } else if (at >= tailStart && at < tailStart + tail.position()) {
                count = copy(tail, (int) (at - tailStart), target);
            } else {
                count = decode(target, at);
            }
            at += count;
        }
    }

    private static int copy(ByteBuffer kept, int at, ByteBuffer target) {
        int count = Math.min(kept.position() - at, target.remaining());
        target.put(kept.duplicate().limit(at + count).position(at));
        return count;
    }

    private int decode(ByteBuffer target, long at) throws StateferryException {
        SequentialBytes open = bytes;
        if (open == null || chunkStart > at) {
            close();
            open = input.begin();
            bytes = open;
            chunkStart = 0;
            chunk.position(0).limit(0);
        }
        while (chunkStart + chunk.limit() <= at) {
            chunkStart += chunk.limit();
            chunk.position(0).limit(0); // whatever fails, there is nothing in it
            int count = open.read(chunk.limit(chunk.capacity()));
            chunk.flip();
            if (count == 0) {
                throw StateferryException.at(
                        FailureKind.DUMP_INVALID, input.path(), chunkStart, "the compressed stream ends here");
            }
        }
        int start = (int) (at - chunkStart);
        int count = Math.min(chunk.limit() - start, target.remaining());
        target.put(chunk.slice(start, count));
        return count;
    }

    /** Ends the decoding that is under way; the input stays open. */
    @Override
    public void close() throws StateferryException {
        if (bytes != null) {
            bytes.close();
            bytes = null;
        }
    }
}
