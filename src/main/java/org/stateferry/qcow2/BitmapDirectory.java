package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.BitmapDirectoryEntry;
import org.stateferry.qcow2.format.BitmapsExtension;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.storage.ImageFile;

/** Reads the bitmap directory from its first entry to its last. Holds the whole directory. Not thread-safe. */
final class BitmapDirectory {
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final ByteCursor cursor;
    private int left;

    BitmapDirectory(ImageFile file, ClusterGeometry geometry, BitmapsExtension extension) throws StateferryException {
        this.file = file;
        this.geometry = geometry;
        this.left = extension.count();
        ByteBuffer directory = ByteBuffer.allocate(extension.directorySize());
        file.read(directory, extension.directoryOffset());
        this.cursor =
                new ByteCursor(directory.flip(), file.path(), extension.directoryOffset(), FailureKind.IMAGE_CORRUPT);
    }

    boolean hasNext() {
        return left > 0;
    }

    /** Whether bytes are left behind the last entry. */
    boolean hasRest() {
        return cursor.remaining() > 0;
    }

    /** The host offset of what comes next. */
    long offset() {
        return cursor.offset();
    }

    BitmapDirectoryEntry next() throws StateferryException {
        left--;
        return BitmapDirectoryEntry.parse(cursor, geometry, file.path());
    }
}
