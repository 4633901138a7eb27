package org.stateferry.source.codec;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** Decodes one member, frame or stream of compressed data, and takes no byte behind it. Not thread-safe. */
interface MemberDecoder extends Closeable {
    /**
     * Decodes some bytes into the buffer, which has room.
     *
     * @return how many; -1 at the member's end, whose checksum is right
     * @throws EOFException if the data ends before the member does
     * @throws IOException if the data is damaged, or cannot be read
     */
    int decode(ByteBuffer target) throws IOException;

    @Override
    void close() throws IOException;

    /** One that a library offers as a stream. */
    static MemberDecoder of(InputStream decoded) {
        return new MemberDecoder() {
            private final byte[] bytes = new byte[64 * 1024];

            @Override
            public int decode(ByteBuffer target) throws IOException {
                int count = decoded.read(bytes, 0, Math.min(bytes.length, target.remaining()));
                if (count > 0) {
                    target.put(bytes, 0, count);
                }
                return count;
            }

            @Override
            public void close() throws IOException {
                decoded.close();
            }
        };
    }
}
