package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.stateferry.qcow2.vmstate.VmStateWriter;
import org.stateferry.transfer.WriteLoad;

/**
 * A buffer's worth of zeros that are known to be there without having been read, for images in which zeros take no space.
 *
 * @param size in bytes, whole clusters
 * @param checksum CRC-32C of so many zeros
 */
record ZeroLoad(int size, int checksum) implements WriteLoad, VmStateWriter.Content {
    static ZeroLoad of(int size) {
        return new ZeroLoad(size, checksumOf(size));
    }

    /** CRC-32C of so many zeros. */
    static int checksumOf(int size) {
        CRC32C crc = new CRC32C();
        crc.update(ByteBuffer.allocate(size));
        return (int) crc.getValue();
    }

    @Override
    public boolean isZero(int at, int length) {
        return true;
    }

    @Override
    public ByteBuffer bytes() {
        throw new IllegalStateException("zeros take no space, so nobody writes them");
    }

    @Override
    public void release() {
        // there is no memory to give back
    }
}
