package org.stateferry.bytes;

import java.nio.ByteBuffer;

/** Recognises and provides memory that holds nothing but zeros. As thread-safe as the buffers given. */
public final class ZeroBytes {
    private static final ByteBuffer ZEROS = ByteBuffer.allocateDirect(64 * 1024).asReadOnlyBuffer();

    private ZeroBytes() {}

    /** Whether {@code size} bytes from index {@code at} on, at least one, are all zero. */
    public static boolean isZero(ByteBuffer bytes, int at, int size) {
        // Most memory that is not zero tells at one of its ends, and then nothing is compared.
        if (bytes.get(at) != 0 || bytes.get(at + size - 1) != 0) {
            return false;
        }
        for (int done = 0; done < size; done += ZEROS.capacity()) {
            int count = Math.min(size - done, ZEROS.capacity());
            if (bytes.slice(at + done, count).mismatch(ZEROS.slice(0, count)) >= 0) {
                return false;
            }
        }
        return true;
    }

    /** Puts so many zeros at the position of {@code target}. */
    public static void put(ByteBuffer target, int size) {
        for (int left = size; left > 0; ) {
            int count = Math.min(left, ZEROS.capacity());
            target.put(ZEROS.slice(0, count));
            left -= count;
        }
    }
}
