package org.stateferry.source.codec;

import java.io.IOException;

/**
 * What the decoders of LZ blocks have in common: a block is a sequence of literals and of matches, which copy what was decoded
 * before. Every access is bounded by the two arrays. Not thread-safe.
 */
abstract class MatchBlock {
    final int inEnd;
    final int outEnd;
    /** The next byte of the block. */
    int at;
    /** Where in the output the next byte goes. */
    int to;

    private final byte[] in;
    private final byte[] out;
    private final String format;

    /**
     * A block and its output.
     *
     * @param format its name, for messages
     * @param in the block, from index 0 on
     * @param inEnd its size
     * @param out gets the content; what lies before {@code outStart} is what matches may refer to
     * @param outEnd the index in {@code out} beyond which the content may not go
     */
    MatchBlock(String format, byte[] in, int inEnd, byte[] out, int outStart, int outEnd) {
        this.format = format;
        this.in = in;
        this.inEnd = inEnd;
        this.out = out;
        this.to = outStart;
        this.outEnd = outEnd;
    }

    /** The next byte of the block, which stays the next one. */
    final int peek() throws IOException {
        if (at >= inEnd) {
            throw damaged();
        }
        return Byte.toUnsignedInt(in[at]);
    }

    /** The next byte of the block. */
    final int next() throws IOException {
        int value = peek();
        at++;
        return value;
    }

    /** Copies bytes of the block. */
    final void literals(int count) throws IOException {
        if (count > inEnd - at || count > outEnd - to) {
            throw damaged();
        }
        System.arraycopy(in, at, out, to, count);
        at += count;
        to += count;
    }

    /** Copies what lies so far back in the output. That may overlap with the copy: then it repeats with the distance as its period. */
    final void match(int distance, int count) throws IOException {
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

    /** The failure of a block that is not as it should be. */
    final IOException damaged() {
        return new IOException("an " + format + " block is damaged");
    }
}
