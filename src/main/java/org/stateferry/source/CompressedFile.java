package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.source.codec.Codec;
import org.stateferry.source.codec.DecodedBytes;
import org.stateferry.source.codec.SequentialBytes;

/**
 * A file from an offset on, decoded each time anew.
 *
 * @param file the open file; closed with this
 * @param dumpOffset where in the file the dump begins, in bytes
 * @param offset where in it the compressed stream begins
 */
record CompressedFile(DumpFile file, long dumpOffset, long offset, Codec codec) implements SequentialDump.Input {
    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Instant modified() {
        return file.modified();
    }

    @Override
    public FileStatus status() {
        return file.status();
    }

    @Override
    public SequentialBytes begin() {
        return new DecodedBytes(codec, new FileFeed(file, offset), offset, file.path());
    }

    @Override
    public boolean isRepeatable() {
        return true;
    }

    @Override
    public DumpFingerprint fingerprint(ByteBuffer prefix) throws StateferryException {
        return fingerprint();
    }

    private DumpFingerprint fingerprint() throws StateferryException {
        return file.fingerprint(dumpOffset, file.size() - dumpOffset);
    }

    @Override
    public void requireUnchanged(DumpFingerprint before) throws StateferryException {
        file.requireUnchanged(before, this::fingerprint);
    }

    @Override
    public void cancel() {
        // Nobody waits long for a file.
    }

    @Override
    public void close() throws StateferryException {
        file.close();
    }
}
