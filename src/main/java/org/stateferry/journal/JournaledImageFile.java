package org.stateferry.journal;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ForwardingImageFile;
import org.stateferry.storage.ImageFile;

/**
 * The image file while metadata is written, or its end is cut: keeps the journal's "last write" near the file's modification
 * time, by which a restart tells our own writes from somebody else's. Not thread-safe.
 */
public final class JournaledImageFile extends ForwardingImageFile {
    private static final long INTERVAL_MILLIS = 250;

    private final Journal journal;
    private long recordedMillis;

    /**
     * @param below the file itself
     * @param journal the image's; its "last write" is kept
     */
    public JournaledImageFile(ImageFile below, Journal journal) {
        super(below);
        this.journal = journal;
    }

    /**
     * The image file of an import that is given up. If somebody else has written to it since, our writes are not recorded:
     * his must not pass for ours.
     *
     * @param ours whether the image's modification time is explained by the journal
     */
    public static ImageFile ifOurs(boolean ours, ImageFile below, Journal journal) {
        return ours ? new JournaledImageFile(below, journal) : below;
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        long begunMillis = recordWrite();
        below.write(source, offset);
        journal.compareClocks(path(), begunMillis);
    }

    /** Returns what time it is. */
    private long recordWrite() throws StateferryException {
        long now = System.currentTimeMillis();
        if (now - recordedMillis >= INTERVAL_MILLIS) {
            journal.recordWrite(now);
            recordedMillis = now;
        }
        return now;
    }

    /** A force that fails is recorded: the kernel reports a lost page once, so later success proves nothing about it. */
    @Override
    public void force() throws StateferryException {
        try {
            below.force();
        } catch (StateferryException e) {
            recordFailure(e);
            throw e;
        }
    }

    private void recordFailure(StateferryException failure) {
        try {
            journal.recordForceFailure(System.currentTimeMillis());
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public void truncate(long size) throws StateferryException {
        recordWrite();
        below.truncate(size);
    }
}
