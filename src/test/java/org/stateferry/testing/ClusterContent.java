package org.stateferry.testing;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** Recognisable cluster contents: each says where it belongs and which write it came from. */
public final class ClusterContent {
    private static final int PAGE_SIZE = 4096;
    private static final byte[] NOISE = new byte[1 << 20];

    static {
        new SplittableRandom(1).nextBytes(NOISE);
    }

    private ClusterContent() {}

    /** A quarter random, the rest repeats; so it deflates to a bit more than a quarter. */
    public static byte[] of(long guestOffset, long generation, int size) {
        byte[] content = new byte[size];
        ByteBuffer bytes = ByteBuffer.wrap(content);
        Random random = new Random(guestOffset * 31 + generation);
        while (bytes.position() < size / 4) {
            bytes.putLong(random.nextLong());
        }
        while (bytes.hasRemaining()) {
            bytes.putLong(guestOffset << 8 | generation);
        }
        return content;
    }

    /**
     * Random bytes of any length. Each page is cut out of the same noise somewhere and begins with a number of its own:
     * making as much noise anew would be a tenth of the time of all tests.
     */
    public static byte[] stream(int length, long seed) {
        byte[] stream = new byte[length];
        SplittableRandom random = new SplittableRandom(seed);
        byte[] number = new byte[Long.BYTES];
        for (int at = 0; at < length; at += PAGE_SIZE) {
            int size = Math.min(PAGE_SIZE, length - at);
            System.arraycopy(NOISE, random.nextInt(NOISE.length - PAGE_SIZE), stream, at, size);
            random.nextBytes(number);
            System.arraycopy(number, 0, stream, at, Math.min(number.length, size));
        }
        return stream;
    }

    /** A stream with runs of zeros, of what compresses and of what does not, each of up to {@code runLengthMax} bytes. */
    public static byte[] mixedStream(int length, int runLengthMax, long seed) {
        byte[] stream = new byte[length];
        Random random = new Random(seed);
        for (int at = 0; at < length; ) {
            byte[] run = new byte[Math.min(1 + random.nextInt(runLengthMax), length - at)];
            switch (random.nextInt(3)) {
                case 0 -> random.nextBytes(run);
                case 1 -> fillWithText(run, random);
                default -> {}
            }
            System.arraycopy(run, 0, stream, at, run.length);
            at += run.length;
        }
        return stream;
    }

    private static void fillWithText(byte[] run, Random random) {
        for (int at = 0; at < run.length; at++) {
            run[at] = (byte) (random.nextInt(16) == 0 ? random.nextInt(256) : 'a' + at % 7);
        }
    }

    static byte[] deflate(byte[] content) {
        Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
        deflater.setInput(content);
        deflater.finish();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] part = new byte[4096];
        while (!deflater.finished()) {
            out.write(part, 0, deflater.deflate(part));
        }
        deflater.end();
        return out.toByteArray();
    }

    static byte[] inflate(byte[] deflated, int size) {
        Inflater inflater = new Inflater(true);
        inflater.setInput(Arrays.copyOf(deflated, deflated.length + 1));
        byte[] content = new byte[size];
        try {
            int done = 0;
            while (done < size) {
                int count = inflater.inflate(content, done, size - done);
                if (count == 0) {
                    throw new AssertionError("compressed cluster ends after " + done + " of " + size + " bytes");
                }
                done += count;
            }
            return content;
        } catch (DataFormatException e) {
            throw new AssertionError(e);
        } finally {
            inflater.end();
        }
    }
}
