package org.stateferry.source.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** Compressed data may consist of any number of members, each of which costs more than it gives. */
class HostileMembersTest {
    private static final int MIB = 1024 * 1024;

    private static byte[] gzip(String text) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream compressing = new GZIPOutputStream(bytes)) {
            compressing.write(text.getBytes(StandardCharsets.US_ASCII));
        }
        return bytes.toByteArray();
    }

    /** Writes a stream of one byte that says it needs a dictionary of 32 MiB. */
    private static byte[] xz() throws Exception {
        LZMA2Options options = new LZMA2Options(0);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        options.setDictSize(64 * 1024);
        try (XZOutputStream compressing = new XZOutputStream(bytes, options)) {
            compressing.write('a');
        }
        byte[] stream = bytes.toByteArray();
        // The block's head: size, flags, filter and size of its properties, the dictionary's size, padding, CRC-32.
        int head = 12;
        stream[head + 4] = 26;
        java.util.zip.CRC32 crc = new java.util.zip.CRC32();
        crc.update(stream, head, 8);
        ByteBuffer.wrap(stream).order(java.nio.ByteOrder.LITTLE_ENDIAN).putInt(head + 8, (int) crc.getValue());
        return stream;
    }

    /** Begins with some bytes, then repeats others. */
    private static ByteFeed feed(byte[] first, byte[] repeated, long count) {
        return new ByteFeed() {
            private final ByteBuffer begin = ByteBuffer.wrap(first);
            private final ByteBuffer again = ByteBuffer.wrap(repeated);
            private long left = count;

            @Override
            public int read(ByteBuffer target) {
                ByteBuffer from = begin;
                if (!begin.hasRemaining()) {
                    if (!again.hasRemaining()) {
                        again.rewind();
                        left--;
                    }
                    if (left <= 0) {
                        return -1;
                    }
                    from = again;
                }
                int size = Math.min(from.remaining(), target.remaining());
                target.put(from.slice(from.position(), size));
                from.position(from.position() + size);
                return size;
            }

            @Override
            public void close() {}
        };
    }

    @Test
    void theMemoryOfAMemberServesTheNext() throws Exception {
        int count = 40;
        try (DecodedBytes bytes = new DecodedBytes(Codec.XZ, feed(new byte[0], xz(), count), 0, Path.of("dump"))) {
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadAllocatedBytes();

            int read = bytes.read(ByteBuffer.allocate(MIB));

            assertThat(read).isEqualTo(count);
            assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(count / 2 * 32L * MIB);
        }
    }

    @Test
    void zerosWithoutAnEndAreNotPassed() throws Exception {
        byte[] zeros = new byte[MIB];
        try (DecodedBytes bytes =
                new DecodedBytes(Codec.GZIP, feed(gzip("content"), zeros, Long.MAX_VALUE), 0, Path.of("dump"))) {
            assertThat(bytes.read(ByteBuffer.allocate(MIB))).isEqualTo("content".length());
            assertThat(bytes.surplus(MIB)).isZero();
        }
    }

    @Test
    void aMemberMayFollowSomeZeros() throws Exception {
        ByteArrayOutputStream both = new ByteArrayOutputStream();
        both.write(gzip("one "));
        both.write(new byte[3 * MIB]);
        both.write(gzip("other"));
        ByteBuffer content = ByteBuffer.allocate(MIB);
        try (DecodedBytes bytes =
                new DecodedBytes(Codec.GZIP, feed(both.toByteArray(), new byte[1], 0), 0, Path.of("dump"))) {
            bytes.read(content);
        }
        assertThat(StandardCharsets.US_ASCII.decode(content.flip()).toString()).isEqualTo("one other");
    }

    @Test
    void whoeverReadsMembersWithoutContentCanBeMadeToStop() throws Exception {
        try (DecodedBytes bytes =
                new DecodedBytes(Codec.GZIP, feed(gzip("content"), gzip(""), Long.MAX_VALUE), 0, Path.of("dump"))) {
            StateferryException[] end = new StateferryException[1];
            Thread reader = new Thread(() -> end[0] =
                    catchThrowableOfType(StateferryException.class, () -> bytes.read(ByteBuffer.allocate(MIB))));
            reader.start();

            bytes.cancel();
            reader.join();

            assertThat(end[0].kind()).isEqualTo(FailureKind.INTERRUPTED);
        }
    }
}
