package org.stateferry.storage;

import java.nio.ByteBuffer;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** An image file that is only looked at: whatever would change it is a bug of ours, and is refused. */
public interface ReadOnlyImageFile extends ImageFile {
    @Override
    default void write(ByteBuffer source, long offset) throws StateferryException {
        throw readOnly();
    }

    @Override
    default void force() throws StateferryException {
        throw readOnly();
    }

    @Override
    default void truncate(long size) throws StateferryException {
        throw readOnly();
    }

    private StateferryException readOnly() {
        return StateferryException.in(FailureKind.INTERNAL, path(), "a view of the image is read-only");
    }
}
