package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.BitmapDirectoryEntry;
import org.stateferry.qcow2.format.BitmapsExtension;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.storage.ImageFile;

/** Reads the bitmap directory from its first entry to its last, a slice at a time. Not thread-safe. */
final class BitmapDirectory {
    private static final int SLICE_SIZE = 64 * 1024;

    private final ImageFile file;
    private final Qcow2Header header;
    private final long end;
    private ByteCursor cursor;
    private int left;

    BitmapDirectory(ImageFile file, Qcow2Header header, BitmapsExtension extension) throws StateferryException {
        this.file = file;
        this.header = header;
        this.left = extension.count();
        this.end = extension.directoryOffset() + extension.directorySize();
        this.cursor = cursorAt(extension.directoryOffset());
    }

    private ByteCursor cursorAt(long offset) throws StateferryException {
        ByteBuffer slice = ByteBuffer.allocate((int) Math.min(SLICE_SIZE, end - offset));
        file.read(slice, offset);
        return new ByteCursor(slice.flip(), file.path(), offset, FailureKind.IMAGE_CORRUPT);
    }

    boolean hasNext() {
        return left > 0;
    }

    /** Whether bytes are left behind the last entry. */
    boolean hasRest() {
        return offset() < end;
    }

    /** The host offset of what comes next. */
    long offset() {
        return cursor.offset();
    }

    BitmapDirectoryEntry next() throws StateferryException {
        left--;
        if (cursor.remaining() < BitmapDirectoryEntry.MAX_SIZE && cursor.offset() + cursor.remaining() < end) {
            cursor = cursorAt(cursor.offset());
        }
        return BitmapDirectoryEntry.parse(cursor, header, file.path());
    }
}
