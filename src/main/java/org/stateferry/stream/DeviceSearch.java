package org.stateferry.stream;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;

/**
 * Finds the section of a device without reading the stream from its beginning: the device sections are the last ones,
 * so their sizes in the vmdescription lead back from its end. Not thread-safe.
 */
final class DeviceSearch {
    private static final long NONE = -1;
    /** How far the beginning of a section is searched whose size is not exact. */
    private static final int SEARCH_SIZE_MAX = 16 * 1024 * 1024;

    /** The last field of a section's head. */
    private static final int VERSION_SIZE = Integer.BYTES;

    private static final int PIECE_SIZE = 64 * 1024;

    private final StreamFile file;
    private final long fileOffset;
    private final VmDescription description;

    DeviceSearch(StreamFile file, long fileOffset, VmDescription description) {
        this.file = file;
        this.fileOffset = fileOffset;
        this.description = description;
    }

    /** The offset in the stream of the payload of the last device with this name, in bytes; below 0 if it is not found. */
    long payloadOffset(String name) throws StateferryException {
        long end = description.recordOffset() - 1;
        for (int index = description.devices().size() - 1; index >= 0; index--) {
            DeviceState device = description.devices().get(index);
            ByteBuffer head = SectionHead.encode(device);
            long start = start(device, head, end);
            if (start < 0) {
                return NONE;
            }
            if (device.name().equals(name)) {
                return start + head.capacity() + VERSION_SIZE;
            }
            end = start;
        }
        return NONE;
    }

    /** Where the section begins that ends at an offset; below 0 if it does not. */
    private long start(DeviceState device, ByteBuffer head, long end) throws StateferryException {
        int footerSize = 0;
        if (end > SectionHead.FOOTER_SIZE) {
            ByteBuffer footer = read(end - SectionHead.FOOTER_SIZE, SectionHead.FOOTER_SIZE);
            if (footer.get(0) == SectionType.FOOTER.code()) {
                footerSize = SectionHead.FOOTER_SIZE;
                head.putInt(1, footer.getInt(1));
            }
        }
        long payloadEnd = end - footerSize;
        long start = payloadEnd - device.payloadSize() - VERSION_SIZE - head.capacity();
        if (start >= 0 && isHead(read(start, head.capacity()), head, footerSize > 0)) {
            return start;
        }
        return footerSize > 0 && !device.exact() ? searchBack(head, payloadEnd) : NONE;
    }

    private static boolean isHead(ByteBuffer bytes, ByteBuffer head, boolean withId) {
        if (!withId) {
            head.putInt(1, bytes.getInt(1));
        }
        return bytes.equals(head.rewind());
    }

    /** The last place before an offset where these bytes are. */
    private long searchBack(ByteBuffer head, long from) throws StateferryException {
        long lowest = Math.max(0, from - SEARCH_SIZE_MAX);
        for (long end = from; end > lowest; end -= PIECE_SIZE) {
            long start = Math.max(lowest, end - PIECE_SIZE);
            // Pieces overlap, so that a head is whole in one of them.
            ByteBuffer piece = read(start, (int) (Math.min(from, end + head.capacity()) - start));
            for (int at = piece.limit() - head.capacity(); at >= 0; at--) {
                if (piece.get(at) == head.get(0)
                        && piece.slice(at, head.capacity()).equals(head.rewind())) {
                    return start + at;
                }
            }
        }
        return NONE;
    }

    private ByteBuffer read(long offset, int count) throws StateferryException {
        return file.read(fileOffset + offset, count);
    }
}
