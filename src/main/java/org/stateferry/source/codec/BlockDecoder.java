package org.stateferry.source.codec;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.ForkJoinTask;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.UnsupportedOptionsException;

/**
 * Decodes a member that is made of blocks, each of which can be decoded without the others: several of them at a time, on the
 * common pool, ahead of who takes their content in their order. Memory is that of {@link #AHEAD_MAX} blocks at most.
 *
 * <p>Not thread-safe.
 */
final class BlockDecoder implements MemberDecoder {
    /** More blocks than this are never held, however many processors there are. */
    static final int AHEAD_MAX = 4;

    /**
     * With more blocks than this, each has to have {@link #CONTENT_MIN} bytes on average: to hand one on takes a thousand times as
     * long as to decode a byte of it, and nobody's program writes so many of so little.
     */
    private static final int SMALL_BLOCKS_MAX = 100_000;

    private static final long CONTENT_MIN = 256;

    private final CodedInput in;
    private final Format format;
    private final int aheadMax;
    private final Deque<Block> free = new ArrayDeque<>();
    /** Being decoded, in their order. */
    private final Deque<Block> ahead = new ArrayDeque<>();

    private @Nullable Block current;
    private int currentAt;
    /** What the reading of the next block has met; it is told behind the content of those before. */
    private @Nullable IOException failure;

    private boolean ended;
    private long blockCount;
    private long contentSize;

    /** Knows the blocks of a member. */
    interface Format {
        /** A block that reads from the member's input. */
        Block newBlock();

        /** How many blocks may be held that nobody has taken yet; 1 if each needs the one before. */
        default int aheadMax() {
            return AHEAD_MAX;
        }

        /**
         * Whether the content of only one block may be held: then blocks are read two at a time, and whoever takes the content of the
         * first decodes that piece by piece, while the second is decoded beside it.
         */
        default boolean isInPairs() {
            return false;
        }

        /** With more blocks than this, each has to have some content. */
        default int smallBlocksMax() {
            return SMALL_BLOCKS_MAX;
        }

        /** Called when all blocks have been read and passed. */
        default void finish() throws IOException {
            // other members may follow, or nothing does
        }
    }

    /** A block on its way, which is used again and again. Only {@link #decode} runs on other threads, one block each. */
    abstract static class Block {
        byte[] content = new byte[0];
        /** Where in the array the content begins. */
        int contentStart;
        /** Where it ends. */
        int contentEnd;

        private long offset;
        private @Nullable ForkJoinTask<?> task;
        private @Nullable IOException damage;

        /** Reads the next block as it is stored; false if there is none, and nothing was read. */
        abstract boolean read() throws IOException;

        /**
         * Whether all of it has been read. If not, {@link #more} reads the rest and decodes all of it, nothing behind it is read before,
         * and no other block is held.
         */
        boolean isWhole() {
            return true;
        }

        /** Decodes what was read, or so much of it as may be held; {@link #more} gives the rest. */
        abstract void decode() throws IOException;

        /** Called when the content has been taken, by whoever takes it: decodes more of it; false if that was all. */
        boolean more() throws IOException {
            return false;
        }

        /** Called for one block after the other, before its content is handed on. */
        void passed() throws IOException {
            // most have nothing to check across blocks
        }

        /** An array of at least so many bytes, the given one if it is. */
        static byte[] sized(byte[] array, int size) {
            return array.length >= size ? array : new byte[size];
        }

        /** The given array, or a copy that has room for so many bytes and for more to come, up to a limit. */
        static byte[] grown(byte[] array, int size, int sizeMax) {
            return array.length >= size
                    ? array
                    : Arrays.copyOf(array, Math.max(size, Math.min(sizeMax, size + size / 2)));
        }

        private void start() {
            task = ForkJoinTask.adapt(this::decodeHere).fork();
        }

        private void decodeHere() {
            try {
                decode();
            } catch (IOException e) {
                damage = e;
            } catch (RuntimeException e) {
                damage = new IOException("a block is damaged", e);
            }
        }

        private void await() throws IOException {
            if (task != null) {
                task.join();
                task = null;
            }
            if (damage != null) {
                throw placed(damage);
            }
        }

        private boolean goesOn() throws IOException {
            try {
                return more();
            } catch (IOException e) {
                throw placed(e);
            } catch (RuntimeException e) {
                throw placed(new IOException("a block is damaged", e));
            }
        }

        /** The failure with the block's place, unless it tells what the decoder lacks, or the reading is not ahead of it. */
        private IOException placed(IOException failure) {
            return failure instanceof MemoryLimitException
                            || failure instanceof UnsupportedOptionsException
                            || !isWhole()
                    ? failure
                    : new DamagedBlockException(offset, failure);
        }
    }

    /** A block that a library decodes as a stream, of which no more than so many bytes are held. */
    abstract static class StreamBlock extends Block {
        /** Bytes of content that are decoded at a time by whoever takes it. */
        private static final int PIECE_SIZE = 64 * 1024;

        private final int contentMax;
        private @Nullable InputStream decoded;
        /** Met behind the content that is held. */
        private @Nullable IOException failure;

        StreamBlock(int contentMax) {
            this.contentMax = contentMax;
        }

        /** The content of what was read last. */
        abstract InputStream open() throws IOException;

        @Override
        void decode() throws IOException {
            content = sized(content, contentMax);
            fill();
        }

        @Override
        boolean more() throws IOException {
            content = sized(content, PIECE_SIZE);
            fill();
            if (contentEnd == 0) {
                forget();
            }
            return contentEnd > 0;
        }

        private void fill() throws IOException {
            contentEnd = 0;
            if (failure != null) {
                throw failure;
            }
            if (decoded == null) {
                decoded = open();
            }
            int count = 0;
            try {
                while (contentEnd < content.length && count >= 0) {
                    contentEnd += count;
                    count = decoded.read(content, contentEnd, content.length - contentEnd);
                }
            } catch (IOException e) {
                failure = e;
            } catch (RuntimeException e) {
                failure = new IOException("a block is damaged", e);
            }
            if (contentEnd == 0 && failure != null) {
                throw failure;
            }
        }

        /** Gives back what the library holds; to be called before the next block is read. */
        final void forget() throws IOException {
            contentEnd = 0;
            failure = null;
            if (decoded != null) {
                decoded.close();
                decoded = null;
            }
        }
    }

    /** Says where the damaged block lies, as the reading is ahead of it. */
    static final class DamagedBlockException extends IOException {
        private static final long serialVersionUID = 1L;

        private final long offset;

        private DamagedBlockException(long offset, IOException cause) {
            super(cause instanceof EOFException ? "a block ends before its content does" : cause.getMessage(), cause);
            this.offset = offset;
        }

        /** The offset of the block in the file. */
        long offset() {
            return offset;
        }
    }

    /** @param in what the format's blocks read from */
    BlockDecoder(CodedInput in, Format format) {
        this.in = in;
        this.format = format;
        this.aheadMax = Math.min(Runtime.getRuntime().availableProcessors() + 1, format.aheadMax());
    }

    @Override
    public int decode(ByteBuffer target) throws IOException {
        Block block = current;
        if (block == null || currentAt == block.contentEnd) {
            block = block != null && block.goesOn() ? goingOn(block) : next();
            if (block == null) {
                return -1;
            }
        }
        // Nothing of a block without content: there may be any number of them, and whoever reads may be asked to stop.
        int count = Math.min(target.remaining(), block.contentEnd - currentAt);
        target.put(block.content, currentAt, count);
        currentAt += count;
        return count;
    }

    private Block goingOn(Block block) {
        contentSize += block.contentEnd - block.contentStart;
        currentAt = block.contentStart;
        return block;
    }

    /** Takes the next block; null at the member's end. */
    private @Nullable Block next() throws IOException {
        if (current != null) {
            free.add(current);
            current = null;
        }
        if (!format.isInPairs()) {
            while (canRead() && ahead.size() < aheadMax) {
                readAhead(true);
            }
        } else if (ahead.isEmpty()) {
            readAhead(false);
            readAhead(true);
        }
        Block block = ahead.poll();
        if (block == null) {
            if (failure != null) {
                throw failure;
            }
            format.finish();
            return null;
        }
        block.await();
        block.passed();
        blockCount++;
        if (blockCount > format.smallBlocksMax() && contentSize < blockCount * CONTENT_MIN) {
            throw new UnsupportedOptionsException("more than " + format.smallBlocksMax() + " parts, each of less than "
                    + CONTENT_MIN + " bytes on average");
        }
        if (!block.isWhole()) {
            free.clear();
        }
        current = block;
        return goingOn(block);
    }

    private boolean canRead() {
        return !ended && (ahead.isEmpty() || ahead.getLast().isWhole());
    }

    private void readAhead(boolean starting) {
        if (!canRead()) {
            return;
        }
        Block block = free.isEmpty() ? format.newBlock() : free.remove();
        block.offset = in.offset();
        try {
            ended = !block.read();
            if (!ended) {
                block.damage = null;
                if (starting && block.isWhole()) {
                    block.start();
                }
                ahead.add(block);
            }
        } catch (IOException e) {
            failure = e instanceof EOFException || e instanceof StateferryException ? e : block.placed(e);
            ended = true;
        }
    }

    /** Nothing is being decoded any more afterwards. */
    @Override
    public void close() {
        ended = true;
        ahead.forEach(block -> {
            if (block.task != null) {
                block.task.quietlyJoin();
            }
        });
        ahead.clear();
    }
}
