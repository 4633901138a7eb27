package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.source.codec.ByteFeed;
import org.stateferry.source.codec.Codec;
import org.stateferry.source.codec.DecodedBytes;
import org.stateferry.source.codec.SequentialBytes;

/**
 * What comes through a pipe, decoded if necessary.
 *
 * @param path the path by which it was opened
 * @param feed its bytes from the stream's first on; closed with this
 * @param offset how many bytes have come before
 * @param codec what they are compressed with, or null
 * @param opened when it was opened
 */
record Pipe(Path path, ByteFeed feed, long offset, @Nullable Codec codec, Instant opened, FileStatus status)
        implements SequentialDump.Input {
    @Override
    public Instant modified() {
        return opened;
    }

    @Override
    public SequentialBytes begin() {
        return codec == null ? SequentialBytes.plain(feed) : new DecodedBytes(codec, feed, offset, path);
    }

    @Override
    public boolean isRepeatable() {
        return false;
    }

    @Override
    public DumpFingerprint fingerprint(ByteBuffer prefix) {
        return SequentialDump.pipeFingerprint(opened, prefix);
    }

    @Override
    public void requireUnchanged(DumpFingerprint before) {
        // Nothing can be looked at again.
    }

    @Override
    public void cancel() throws StateferryException {
        feed.close();
    }

    @Override
    public void close() throws StateferryException {
        feed.close();
    }
}
