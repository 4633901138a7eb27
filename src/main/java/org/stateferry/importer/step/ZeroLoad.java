package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.stateferry.transfer.WriteLoad;

/**
 * Buffers of zeros that are known to be there without having been read, for images in which zeros take no space.
 *
 * @param size bytes of each, whole clusters
 * @param checksum CRC-32C of so many zeros
 * @param count how many buffers
 */
record ZeroLoad(int size, int checksum, int count) implements WriteLoad {
    /** One buffer. */
    static ZeroLoad of(int size) {
        CRC32C crc = new CRC32C();
        crc.update(ByteBuffer.allocate(size));
        return new ZeroLoad(size, (int) crc.getValue(), 1);
    }

    /** This many such buffers in a row. */
    ZeroLoad times(int newCount) {
        return new ZeroLoad(size, checksum, newCount);
    }

    @Override
    public void release() {
        // there is no memory to give back
    }
}
