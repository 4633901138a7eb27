package org.stateferry.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;

/**
 * An image file behind a {@link FileChannel}. It does not own the channel: {@link OpenImages} opens and closes it, because
 * closing any descriptor of a file drops the locks that the process holds on it.
 */
final class ChannelImageFile implements ImageFile {
    private final Path path;
    private final FileChannel channel;
    private final @Nullable LinuxFile linux;
    private final boolean isDevice;
    /** Whether sharing blocks with another file has not been refused yet: it would be refused for the next range too. */
    private volatile boolean mayShare = true;

    /**
     * @param linux the same file, through the page cache as the channel; null if that bypasses it
     * @param isDevice whether it is a block device, which cannot be cut
     */
    ChannelImageFile(Path path, FileChannel channel, @Nullable LinuxFile linux, boolean isDevice) {
        this.isDevice = isDevice;
        this.path = path;
        this.channel = channel;
        this.linux = linux;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public int read(ByteBuffer target, long offset) throws StateferryException {
        int wanted = target.remaining();
        int done = 0;
        try {
            while (target.hasRemaining()) {
                int count = channel.read(target, offset + done);
                if (count < 0) {
                    break;
                }
                done += count;
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path, offset + done, "read of " + wanted + " bytes");
        }
        while (target.hasRemaining()) {
            target.put((byte) 0);
        }
        return done;
    }

    @Override
    public long nextData(long offset) {
        return linux == null ? offset : linux.nextData(offset);
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        int wanted = source.remaining();
        int done = 0;
        try {
            // write(2) may be short, for example at a file size limit; the next call then says why.
            while (source.hasRemaining()) {
                done += channel.write(source, offset + done);
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path, offset + done, "write of " + wanted + " bytes");
        }
    }

    @Override
    public boolean share(LinuxFile source, long sourceOffset, long offset, long size) {
        return linux != null && linux.share(source, sourceOffset, offset, size);
    }

    @Override
    public Taken take(LinuxFile source, long sourceOffset, long offset, long size) throws StateferryException {
        if (linux == null) {
            return Taken.NOT_POSSIBLE;
        }
        if (mayShare) {
            if (share(source, sourceOffset, offset, size)) {
                return Taken.SHARED;
            }
            mayShare = false;
        }
        long done = 0;
        try {
            while (done < size) {
                long count = linux.copy(source, sourceOffset + done, offset + done, size - done);
                if (count <= 0) {
                    return Taken.NOT_POSSIBLE;
                }
                done += count;
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path, offset + done, "copying " + size + " bytes into the file");
        }
        return Taken.COPIED;
    }

    @Override
    public void force() throws StateferryException {
        try {
            channel.force(true);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "forcing the file to stable storage");
        }
    }

    @Override
    public long size() throws StateferryException {
        try {
            return channel.size();
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "reading the file's length");
        }
    }

    @Override
    public void truncate(long size) throws StateferryException {
        try {
            if (!isDevice) {
                channel.truncate(size);
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path, size, "cutting the file");
        }
    }
}
