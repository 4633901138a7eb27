package org.stateferry.source.codec;

import java.io.IOException;

/**
 * Decodes one block of LZO1X data, as the Linux kernel describes it ({@code Documentation/staging/lzo.rst}). A block that does not
 * fill its output exactly is damaged. The libraries that decode it reach past Java's bounds checks, of which newer JVMs warn on
 * standard error.
 */
final class Lzo1x extends MatchBlock {
    private static final int SHORT_MATCH_DISTANCE = 0x0800;
    private static final int LONG_MATCH_DISTANCE = 0x4000;

    private Lzo1x(byte[] in, int inSize, byte[] out, int outSize) {
        super("LZO", in, inSize, out, 0, outSize);
    }

    /**
     * Decodes the first {@code inSize} bytes of {@code in} into exactly {@code outSize} bytes of {@code out}.
     *
     * @throws IOException if they are not such a block
     */
    static void decode(byte[] in, int inSize, byte[] out, int outSize) throws IOException {
        new Lzo1x(in, inSize, out, outSize).run();
    }

    private void run() throws IOException {
        // How many literals the last instruction has copied: 0, 1 to 3, or 4 for more.
        int state = 0;
        int first = peek();
        if (first > 17) {
            at++;
            int count = first - 17;
            literals(count);
            state = Math.min(count, 4);
        }
        while (true) {
            int code = next();
            if (code < 16 && state == 0) {
                literals(3 + (code != 0 ? code : 15 + extended()));
                state = 4;
                continue;
            }
            int trailing;
            if (code < 16) {
                int low = (code >> 2) + (next() << 2);
                trailing = code & 3;
                if (state == 4) {
                    match(1 + SHORT_MATCH_DISTANCE + low, 3);
                } else {
                    match(1 + low, 2);
                }
            } else if (code >= 64) {
                trailing = code & 3;
                match(1 + ((code >> 2) & 7) + (next() << 3), (code >> 5) + 1);
            } else if (code >= 32) {
                int length = (code & 31) != 0 ? code & 31 : 31 + extended();
                int pair = next() | next() << 8;
                trailing = pair & 3;
                match(1 + (pair >> 2), length + 2);
            } else {
                int length = (code & 7) != 0 ? code & 7 : 7 + extended();
                int pair = next() | next() << 8;
                int distance = ((code & 8) << 11) + (pair >> 2);
                if (distance == 0) {
                    requireEnd();
                    return;
                }
                trailing = pair & 3;
                match(distance + LONG_MATCH_DISTANCE, length + 2);
            }
            literals(trailing);
            state = trailing;
        }
    }

    /** A number of which every zero byte counts 255; bounded, as the output is. */
    private int extended() throws IOException {
        int sum = 0;
        int value = next();
        while (value == 0) {
            sum += 255;
            if (sum > outEnd) {
                throw damaged();
            }
            value = next();
        }
        return sum + value;
    }

    private void requireEnd() throws IOException {
        if (at != inEnd || to != outEnd) {
            throw damaged();
        }
    }
}
