package org.stateferry.source.codec;

import java.io.IOException;

/**
 * Decodes the content of an LZ4 block (lz4 {@code doc/lz4_Block_format.md}): sequences of a token, literals, and a match that
 * copies what was decoded before, up to 64 KiB back. The last sequence has literals alone.
 */
final class Lz4Block {
    private static final int MATCH_MIN = 4;
    /** In the token: more bytes of the length follow. */
    private static final int MORE = 15;

    private final byte[] in;
    private final int inEnd;
    private final byte[] out;
    private final int outEnd;
    private int at;
    private int to;

    private Lz4Block(byte[] in, int inEnd, byte[] out, int outStart, int outEnd) {
        this.in = in;
        this.inEnd = inEnd;
        this.out = out;
        this.to = outStart;
        this.outEnd = outEnd;
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
            int literals = token >>> 4;
            copyLiterals(literals == MORE ? extended(literals) : literals);
            if (at == inEnd) {
                return to;
            }
            int distance = next() | next() << 8;
            int length = token & MORE;
            copyMatch(distance, MATCH_MIN + (length == MORE ? extended(length) : length));
        }
    }

    private int next() throws IOException {
        if (at == inEnd) {
            throw damaged();
        }
        return Byte.toUnsignedInt(in[at++]);
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

    private void copyLiterals(int count) throws IOException {
        if (count > inEnd - at || count > outEnd - to) {
            throw damaged();
        }
        System.arraycopy(in, at, out, to, count);
        at += count;
        to += count;
    }

    /** What is copied may be what the copying has just made: then it repeats with the distance as its period. */
    private void copyMatch(int distance, int count) throws IOException {
        if (distance == 0 || distance > to || count > outEnd - to) {
            throw damaged();
        }
        int from = to - distance;
        int end = to + count;
        while (to < end) {
            int part = Math.min(end - to, to - from);
            System.arraycopy(out, from, out, to, part);
            to += part;
        }
    }

    private static IOException damaged() {
        return new IOException("an LZ4 block is damaged");
    }
}
