package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The bitmaps header extension (qcow2 specification, "Bitmaps extension"): be32 count, be32 reserved, be64 directory size,
 * be64 directory offset.
 *
 * @param count number of bitmaps
 * @param directorySize bytes of the bitmap directory
 * @param directoryOffset its host offset
 */
public record BitmapsExtension(int count, int directorySize, long directoryOffset) {
    static final int SIZE = 24;

    /** Reads the extension's data and checks it against the format's limits. */
    public static BitmapsExtension parse(HeaderExtension extension, ClusterGeometry geometry, Path file)
            throws StateferryException {
        ByteCursor cursor =
                new ByteCursor(ByteBuffer.wrap(extension.data()), file, extension.offset(), FailureKind.IMAGE_CORRUPT);
        long count = cursor.u32();
        long reserved = cursor.u32();
        long directorySize = cursor.i64();
        long directoryOffset = cursor.i64();
        if (extension.data().length != SIZE
                || reserved != 0
                || count == 0
                || count > Qcow2Limits.MAX_BITMAPS
                || directorySize <= 0
                || directorySize > Qcow2Limits.MAX_BITMAP_DIRECTORY_SIZE
                || directoryOffset <= 0
                || directoryOffset >= Qcow2Limits.MAX_HOST_OFFSET
                || !geometry.isClusterAligned(directoryOffset)) {
            throw StateferryException.at(
                    FailureKind.IMAGE_CORRUPT, file, extension.offset(), "bitmaps extension is out of range");
        }
        return new BitmapsExtension((int) count, (int) directorySize, directoryOffset);
    }
}
