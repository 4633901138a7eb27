package org.stateferry.stream;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * A file from the beginning of a stream on: the stream, and what may follow it. All offsets are in bytes from the
 * stream's start. Not thread-safe.
 */
final class FileTail {
    /** Zeros at the end, or behind a stream, that are read at most. Holes are skipped where the file system tells of them. */
    private static final long PADDING_MAX = 64L * 1024 * 1024;

    private static final int PIECE_SIZE = 1024 * 1024;
    /** Where a vmdescription is searched first, before as much is read as one can have; most have some 100 KiB. */
    private static final int FIRST_TAIL_SIZE = 512 * 1024;
    /** Far above what the device sections of a machine come to that writes no footers. */
    private static final long DEVICES_SIZE_MAX = 64L * 1024 * 1024;
    /** How many texts that look like a vmdescription are tried. */
    private static final int TRIES_MAX = 4;

    private final StreamFile file;
    private final long fileOffset;
    private long contentEnd = -1;

    FileTail(StreamFile file, long fileOffset) {
        this.file = file;
        this.fileOffset = fileOffset;
    }

    /** The number of bytes up to the end of the file. */
    long size() {
        return file.size() - fileOffset;
    }

    private ByteBuffer read(long offset, long count) throws StateferryException {
        return file.read(fileOffset + offset, (int) count);
    }

    /**
     * The offset behind the last byte that is not zero: programs that write whole blocks leave zeros behind a stream.
     * If more than {@link #PADDING_MAX} zeros are stored at the end, it is an offset among them.
     */
    long contentEnd() throws StateferryException {
        if (contentEnd < 0) {
            contentEnd = findContentEnd();
        }
        return contentEnd;
    }

    private long findContentEnd() throws StateferryException {
        long end = size();
        if (end > PIECE_SIZE && lastNonZero(end - PIECE_SIZE, end) < 0) {
            end = dataEnd();
        }
        long lowest = Math.max(0, end - PADDING_MAX);
        while (end > lowest) {
            long start = Math.max(lowest, end - PIECE_SIZE);
            long last = lastNonZero(start, end);
            if (last >= 0) {
                return last + 1;
            }
            end = start;
        }
        return end;
    }

    private long lastNonZero(long start, long end) throws StateferryException {
        ByteBuffer bytes = read(start, end - start);
        for (int at = bytes.limit() - 1; at >= 0; at--) {
            if (bytes.get(at) != 0) {
                return start + at;
            }
        }
        return -1;
    }

    /** Where the hole begins that the file ends with; the file's end if it ends with none. */
    private long dataEnd() {
        long low = fileOffset;
        long high = file.size();
        while (low < high) {
            long middle = low + (high - low) / 2;
            if (file.nextData(middle) >= file.size()) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return high - fileOffset;
    }

    /** Whether anything but zeros lies at or behind an offset, as far as that can be seen without reading very much. */
    boolean hasContent(long offset) throws StateferryException {
        if (contentEnd() <= offset) {
            return false;
        }
        if (size() - contentEnd() < PADDING_MAX) {
            return true;
        }
        long end = Math.min(size(), offset + PADDING_MAX);
        for (long at = offset; at < end; ) {
            long next = file.nextData(fileOffset + at) - fileOffset;
            long stop = Math.min(end, next + PIECE_SIZE);
            if (next < stop && lastNonZero(next, stop) >= 0) {
                return true;
            }
            at = stop;
        }
        return false;
    }

    /** The vmdescription that the file ends with, up to padding; null if it ends with something else. */
    @Nullable
    VmDescription vmDescription() throws StateferryException {
        for (int size = FIRST_TAIL_SIZE; ; size = VmDescription.SIZE_MAX) {
            long start = Math.max(0, contentEnd() - size);
            VmDescription found =
                    VmDescription.atEnd(file.path(), fileOffset, read(start, contentEnd() - start), contentEnd());
            if (found != null || start == 0 || size == VmDescription.SIZE_MAX) {
                return found;
            }
        }
    }

    /** The first vmdescription behind an offset; null if there is none within {@link #DEVICES_SIZE_MAX}. */
    @Nullable
    VmDescription vmDescriptionBehind(long offset) throws StateferryException {
        long end = Math.min(size(), offset + DEVICES_SIZE_MAX);
        int tries = 0;
        for (long start = offset; start < end; start += PIECE_SIZE) {
            // Pieces overlap by the head of a record.
            ByteBuffer piece = read(start, Math.min(size() - start, PIECE_SIZE + VmDescription.RECORD_HEAD_SIZE + 1));
            int last = piece.limit() - VmDescription.RECORD_HEAD_SIZE - 1;
            for (int at = 1; at <= last; at++) {
                boolean candidate = piece.get(at) == SectionType.VMDESCRIPTION.code()
                        && piece.get(at - 1) == SectionType.EOF.code()
                        && VmDescription.isRecord(piece.slice(at, VmDescription.RECORD_HEAD_SIZE + 1));
                if (candidate && tries++ < TRIES_MAX) {
                    VmDescription found = tryAt(start + at);
                    if (found != null) {
                        return found;
                    }
                }
            }
        }
        return null;
    }

    private @Nullable VmDescription tryAt(long recordOffset) throws StateferryException {
        try {
            return VmDescription.at(file, fileOffset, recordOffset);
        } catch (StateferryException e) {
            return null;
        }
    }
}
