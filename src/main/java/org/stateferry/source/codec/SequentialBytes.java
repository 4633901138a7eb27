package org.stateferry.source.codec;

import java.io.Closeable;
import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;

/** Bytes that can only be read from the first to the last. For one thread. */
public interface SequentialBytes extends Closeable {
    /**
     * Reads into the buffer up to its limit, or what is left if that is less.
     *
     * @return how many bytes; 0 at the end
     * @throws StateferryException if they cannot be read, or what they are made from is damaged
     */
    int read(ByteBuffer target) throws StateferryException;

    /**
     * To be called when {@link #read} has returned 0: reads what follows these bytes in their file, up to a limit.
     *
     * @return how many bytes that are, padding of zeros not counted
     */
    long surplus(long limit) throws StateferryException;

    /** Makes a {@link #read} that is under way in another thread fail soon, unless it waits for input, and all later ones. */
    default void cancel() {}

    @Override
    void close() throws StateferryException;

    /** Bytes as they come, up to the feed's end. */
    static SequentialBytes plain(ByteFeed feed) {
        return new SequentialBytes() {
            @Override
            public int read(ByteBuffer target) throws StateferryException {
                int start = target.position();
                int count = 0;
                while (target.hasRemaining() && count >= 0) {
                    count = feed.read(target);
                }
                return target.position() - start;
            }

            @Override
            public long surplus(long limit) {
                return 0;
            }

            @Override
            public void close() throws StateferryException {
                feed.close();
            }
        };
    }
}
