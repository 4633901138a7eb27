package org.stateferry.exporter;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/**
 * Makes gzip members (RFC 1952) of pieces, each of its own. Its memory is that of two pieces outside the heap, and zlib's; it is used
 * for one piece after the other. A stream of the JDK would call zlib for every 512 bytes, and hold the collector up each time.
 *
 * <p>Not thread-safe.
 */
final class GzipMember {
    /** Magic, deflate, no flags, no time, no extra flags, unknown system. */
    private static final byte[] HEAD = {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, (byte) 0xff};

    private static final int TAIL_SIZE = 2 * Integer.BYTES;

    private final Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    private final ByteBuffer source;
    /** What does not get smaller is stored, with less than a thousandth more. */
    private final ByteBuffer target;

    /** @param pieceSizeMax the largest piece, in bytes */
    GzipMember(int pieceSizeMax) {
        this.source = ByteBuffer.allocateDirect(pieceSizeMax);
        this.target = ByteBuffer.allocateDirect(pieceSizeMax + pieceSizeMax / 1000 + 64);
    }

    byte[] of(byte[] piece, int size) {
        source.clear().put(piece, 0, size).flip();
        target.clear();
        deflater.reset();
        deflater.setInput(source);
        deflater.finish();
        while (!deflater.finished()) {
            deflater.deflate(target);
        }
        target.flip();
        CRC32 checksum = new CRC32();
        checksum.update(piece, 0, size);
        ByteBuffer member = ByteBuffer.allocate(HEAD.length + target.remaining() + TAIL_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(HEAD)
                .put(target)
                .putInt((int) checksum.getValue())
                .putInt(size);
        return member.array();
    }
}
