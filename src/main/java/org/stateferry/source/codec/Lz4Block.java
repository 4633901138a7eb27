package org.stateferry.source.codec;

import java.io.IOException;

/**
 * Decodes the content of an LZ4 block (lz4 {@code doc/lz4_Block_format.md}): sequences of a token, literals, and a match that
 * copies what was decoded before, up to 64 KiB back. The last sequence has literals alone.
 */
final class Lz4Block extends MatchBlock {
    private static final int MATCH_MIN = 4;
    /** In the token: more bytes of the length follow. */
    private static final int MORE = 15;

    private Lz4Block(byte[] in, int inEnd, byte[] out, int outStart, int outEnd) {
        super("LZ4", in, inEnd, out, outStart, outEnd);
    }

    /**
     * Decodes a block.
     *
     * @param in the block, from index 0 on
     * @param inEnd its size
     * @param out gets the content; what lies before {@code outStart} is what matches may refer to
     * @param outEnd the index in {@code out} beyond which the content may not go
     * @return the index in {@code out} behind the content
     * @throws IOException if the block is damaged
     */
    static int decode(byte[] in, int inEnd, byte[] out, int outStart, int outEnd) throws IOException {
        return new Lz4Block(in, inEnd, out, outStart, outEnd).decode();
    }

    private int decode() throws IOException {
        while (true) {
            int token = next();
            int count = token >>> 4;
            literals(count == MORE ? extended(count) : count);
            if (at == inEnd) {
                return to;
            }
            int distance = next() | next() << 8;
            int length = token & MORE;
            match(distance, MATCH_MIN + (length == MORE ? extended(length) : length));
        }
    }

    /** A length that goes on with bytes which are added up until one is below 255; bounded, as the output is. */
    private int extended(int begun) throws IOException {
        int length = begun;
        int value;
        do {
            value = next();
            length += value;
            if (length > outEnd) {
                throw damaged();
            }
        } while (value == 255);
        return length;
    }
}
