package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.StreamFile;

/** A dump's file whose reads can be stopped, and which says so when much of it is read. Not thread-safe. */
final class MonitoredFile implements StreamFile {
    /** After so many bytes the operator hears why the opening takes long. */
    private static final long NOTICED_SIZE = 1L << 30;

    private final StreamFile file;
    private final OpenMonitor monitor;
    private final String purpose;
    private long readSize;

    /** @param purpose why it is read through, as the end of a sentence */
    MonitoredFile(StreamFile file, OpenMonitor monitor, String purpose) {
        this.file = file;
        this.monitor = monitor;
        this.purpose = purpose;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public long size() {
        return file.size();
    }

    @Override
    public void readFully(ByteBuffer target, long offset) throws StateferryException {
        monitor.requireNotStopped();
        if (readSize < NOTICED_SIZE && readSize + target.remaining() >= NOTICED_SIZE) {
            monitor.notice("reading the dump once " + purpose);
        }
        readSize += target.remaining();
        file.readFully(target, offset);
    }

    @Override
    public long nextData(long offset) {
        return file.nextData(offset);
    }
}
