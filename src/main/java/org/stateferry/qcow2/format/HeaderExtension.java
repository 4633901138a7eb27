package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Header extension (qcow2 specification, "Header extensions"): be32 type, be32 length, data, padding to 8 bytes; type 0
 * ends the list, as does the backing file's name or the end of the first cluster. Unknown types are legal.
 *
 * @param type the extension's type
 * @param offset byte offset in the file of its data
 * @param data its data; not to be changed
 */
public record HeaderExtension(int type, long offset, byte[] data) {
    public static final int BACKING_FORMAT = 0xe279_2aca;
    public static final int FEATURE_NAMES = 0x6803_f857;
    public static final int BITMAPS = 0x2385_2875;
    public static final int ENCRYPTION = 0x0537_be77;

    private static final int END = 0;
    private static final int PREFIX_SIZE = 8;
    /** What fits into QEMU's {@code backing_format[16]}. */
    private static final int MAX_BACKING_FORMAT_SIZE = 15;

    /** Takes extensions one after the other. */
    @FunctionalInterface
    public interface Consumer {
        /** The next extension of the list. */
        void extension(HeaderExtension extension) throws StateferryException;
    }

    /**
     * Reads the list. An image may have a quarter of a million extensions; it is up to the consumer what is kept of them.
     *
     * @param firstCluster the whole first cluster
     * @param header the header that precedes the list
     * @throws StateferryException with kind IMAGE_CORRUPT if an extension does not fit into what there is room for
     */
    public static void forEach(ByteBuffer firstCluster, Qcow2Header header, Path file, Consumer consumer)
            throws StateferryException {
        int end = header.backingFileOffset() == 0 ? firstCluster.limit() : (int) header.backingFileOffset();
        int offset = header.headerLength();
        while (offset < end) {
            ByteBuffer rest = firstCluster.slice(offset, end - offset);
            ByteCursor cursor = new ByteCursor(rest, file, offset, FailureKind.IMAGE_CORRUPT);
            int type = (int) cursor.u32();
            long length = cursor.u32();
            // QEMU looks at the length before the type, and so refuses an end of the list with too large a length as
            // well.
            if (length > cursor.remaining() || type == BACKING_FORMAT && length > MAX_BACKING_FORMAT_SIZE) {
                throw StateferryException.at(
                                FailureKind.IMAGE_CORRUPT,
                                file,
                                offset,
                                "header extension 0x%08x of ".formatted(type) + length + " bytes is too long")
                        .advise("QEMU cannot open the image either: restore it from a copy.");
            }
            if (type == END) {
                break;
            }
            consumer.extension(new HeaderExtension(type, cursor.offset(), cursor.bytes((int) length)));
            offset += PREFIX_SIZE + (int) Alignment.alignUp(length, 8);
        }
    }
}
