package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;

/**
 * Lets one call on an image file fail, once; all other calls go through. A failing write may have written some of its
 * sectors, a failing force has forced nothing. For one thread.
 */
public final class FailingImageFile implements ImageFile {
    private static final int SECTOR_SIZE = 512;

    private final ImageFile below;
    private final Set<Call> failing;
    private final int failingNumber;
    private final FailureKind kind;
    private final int sectorsWritten;
    private final List<Call> calls = new ArrayList<>();
    private int matching;

    /** The kinds of calls. */
    public enum Call {
        READ,
        WRITE,
        FORCE,
        SIZE,
        TRUNCATE
    }

    private FailingImageFile(
            ImageFile below, Set<Call> failing, int failingNumber, FailureKind kind, int sectorsWritten) {
        this.below = below;
        this.failing = failing;
        this.failingNumber = failingNumber;
        this.kind = kind;
        this.sectorsWritten = sectorsWritten;
    }

    /** Lets no call fail but counts them. */
    public static FailingImageFile never(ImageFile below) {
        return new FailingImageFile(below, Set.of(), 0, FailureKind.IO, 0);
    }

    /** Lets the {@code number}-th call of one kind fail, counted from 0, with {@code IO} or {@code NO_SPACE}. */
    public static FailingImageFile at(ImageFile below, Call call, int number, FailureKind kind) {
        return new FailingImageFile(below, Set.of(call), number, kind, 0);
    }

    /** Lets the {@code number}-th call of whatever kind fail, counted from 0. */
    public static FailingImageFile atCall(ImageFile below, int number, FailureKind kind) {
        return new FailingImageFile(below, EnumSet.allOf(Call.class), number, kind, 0);
    }

    /** The same failure, but a write that fails has written its first sectors (all of them if it has no more). */
    public FailingImageFile afterSectors(int count) {
        return new FailingImageFile(below, failing, failingNumber, kind, count);
    }

    /** The calls so far, the failed one included. */
    public List<Call> calls() {
        return List.copyOf(calls);
    }

    @Override
    public Path path() {
        return below.path();
    }

    @Override
    public int read(ByteBuffer target, long offset) throws StateferryException {
        if (isToFail(Call.READ)) {
            throw failure(offset, "read");
        }
        return below.read(target, offset);
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        if (isToFail(Call.WRITE)) {
            int written = Math.min(source.remaining(), sectorsWritten * SECTOR_SIZE);
            below.write(source.duplicate().limit(source.position() + written), offset);
            throw failure(offset + written, "write");
        }
        below.write(source, offset);
    }

    @Override
    public void force() throws StateferryException {
        if (isToFail(Call.FORCE)) {
            throw failure(StateferryException.NO_OFFSET, "force");
        }
        below.force();
    }

    @Override
    public long size() throws StateferryException {
        if (isToFail(Call.SIZE)) {
            throw failure(StateferryException.NO_OFFSET, "size");
        }
        return below.size();
    }

    @Override
    public void truncate(long size) throws StateferryException {
        if (isToFail(Call.TRUNCATE)) {
            throw failure(size, "truncate");
        }
        below.truncate(size);
    }

    private boolean isToFail(Call call) {
        calls.add(call);
        return failing.contains(call) && matching++ == failingNumber;
    }

    private StateferryException failure(long offset, String action) {
        return StateferryException.at(kind, path(), offset, "injected failure of " + action);
    }
}
