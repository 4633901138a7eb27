package org.stateferry.batch;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.storage.ImageFile;

/** An image file that shows a test every call and lets it make the call fail. */
final class WatchedImageFile implements ImageFile {
    private final ImageFile below;
    private final Watcher watcher;

    enum Call {
        READ,
        WRITE,
        FORCE,
        TRUNCATE
    }

    /** Hears of calls on the threads that make them. What it throws, the call fails with. */
    interface Watcher {
        /** The call is about to be made; if this throws, it is not. */
        default void before(Call call, long offset) throws StateferryException {}

        /** The call was made. */
        default void after(Call call, long offset) throws StateferryException {}
    }

    private WatchedImageFile(ImageFile below, Watcher watcher) {
        this.below = below;
        this.watcher = watcher;
    }

    /** Puts a watcher between an import and its image. */
    static FileAccess by(Watcher watcher) {
        return new FileAccess() {
            @Override
            public ImageFile image(ImageFile opened) {
                return new WatchedImageFile(opened, watcher);
            }
        };
    }

    /** Puts a watcher between an import and one of its images. */
    static FileAccess of(Path image, Watcher watcher) {
        return new FileAccess() {
            @Override
            public ImageFile image(ImageFile opened) {
                return opened.path().equals(image) ? new WatchedImageFile(opened, watcher) : opened;
            }
        };
    }

    /** Ends what is done to an image once a call of one kind was made. */
    static Watcher endingAfter(Call last) {
        return new Watcher() {
            @Override
            public void after(Call call, long offset) throws StateferryException {
                if (call == last) {
                    throw StateferryException.of(FailureKind.IO, "dead");
                }
            }
        };
    }

    /** Notes down what is done to an image. */
    static Watcher recording(List<Call> calls) {
        return new Watcher() {
            @Override
            public void after(Call call, long offset) {
                if (call != Call.READ) {
                    calls.add(call);
                }
            }
        };
    }

    @Override
    public Path path() {
        return below.path();
    }

    @Override
    public int read(ByteBuffer target, long offset) throws StateferryException {
        watcher.before(Call.READ, offset);
        int count = below.read(target, offset);
        watcher.after(Call.READ, offset);
        return count;
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        watcher.before(Call.WRITE, offset);
        below.write(source, offset);
        watcher.after(Call.WRITE, offset);
    }

    @Override
    public void force() throws StateferryException {
        watcher.before(Call.FORCE, StateferryException.NO_OFFSET);
        below.force();
        watcher.after(Call.FORCE, StateferryException.NO_OFFSET);
    }

    @Override
    public long size() throws StateferryException {
        return below.size();
    }

    @Override
    public void truncate(long size) throws StateferryException {
        watcher.before(Call.TRUNCATE, size);
        below.truncate(size);
        watcher.after(Call.TRUNCATE, size);
    }
}
