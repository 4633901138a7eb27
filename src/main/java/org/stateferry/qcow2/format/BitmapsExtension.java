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

    /** A command that clears the autoclear bit of the bitmaps. */
    public static final String FORGET_ALL = "printf '\\0' | dd of=COPY bs=1 seek=95 conv=notrunc";

    private static final String OUT_OF_RANGE = "bitmaps extension is out of range";

    /**
     * What helps against bitmaps that QEMU does not accept: neither it nor qemu-img opens such an image. Without the
     * autoclear bit they pass over the bitmaps and take them away.
     */
    public static final String ADVICE = "QEMU cannot open the image. In a copy of it, make it forget all bitmaps: "
            + BitmapsExtension.FORGET_ALL + "; then qemu-img check -r all COPY";

    /** Whether a problem that was found in an image is one that {@link #ADVICE} is for. */
    public static boolean isUnacceptable(String problem) {
        return problem.startsWith(BitmapDirectoryEntry.UNACCEPTABLE) || problem.startsWith(OUT_OF_RANGE);
    }

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
            throw StateferryException.at(FailureKind.IMAGE_CORRUPT, file, extension.offset(), OUT_OF_RANGE)
                    .advise(ADVICE);
        }
        return new BitmapsExtension((int) count, (int) directorySize, directoryOffset);
    }
}
