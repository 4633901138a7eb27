package org.stateferry.source.codec;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ForkJoinTask;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
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
    private static final long SMALL_BLOCKS_MAX = 100_000;

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

        /** Called when all blocks have been read and passed. */
        void finish() throws IOException;
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

        /** Decodes what was read. */
        abstract void decode() throws IOException;

        /** Called for one block after the other, before its content is handed on. */
        void passed() throws IOException {
            // most have nothing to check across blocks
        }

        /** An array of at least so many bytes, the given one if it is. */
        static byte[] sized(byte[] array, int size) {
            return array.length >= size ? array : new byte[size];
        }

        private void start() {
            damage = null;
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
                throw new DamagedBlockException(offset, damage);
            }
        }
    }

    /** Says where the damaged block lies, as the reading is ahead of it. */
    static final class DamagedBlockException extends IOException {
        private static final long serialVersionUID = 1L;

        private final long offset;

        private DamagedBlockException(long offset, IOException cause) {
            super(cause.getMessage(), cause);
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
            block = next();
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

    /** Takes the next block; null at the member's end. */
    private @Nullable Block next() throws IOException {
        if (current != null) {
            free.add(current);
            current = null;
        }
        while (!ended && ahead.size() < aheadMax) {
            readAhead();
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
        contentSize += block.contentEnd - block.contentStart;
        if (blockCount > SMALL_BLOCKS_MAX && contentSize < blockCount * CONTENT_MIN) {
            throw new UnsupportedOptionsException("more than " + SMALL_BLOCKS_MAX + " blocks, each of less than "
                    + CONTENT_MIN + " bytes on average");
        }
        current = block;
        currentAt = block.contentStart;
        return block;
    }

    private void readAhead() {
        Block block = free.isEmpty() ? format.newBlock() : free.remove();
        block.offset = in.offset();
        try {
            ended = !block.read();
            if (!ended) {
                block.start();
                ahead.add(block);
            }
        } catch (IOException e) {
            failure = e instanceof EOFException || e instanceof StateferryException
                    ? e
                    : new DamagedBlockException(block.offset, e);
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
