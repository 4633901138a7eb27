package org.stateferry.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.FileNames;

/**
 * A file of slots at fixed offsets. A slot holds be32 length, content, be32 CRC-32C of the content; one that is cut short,
 * torn or damaged reads as if it had never been written.
 *
 * <p>Thread-safe as long as no two threads write to one slot.
 */
final class JournalFile implements AutoCloseable {
    private static final int OVERHEAD = 8;

    private final Path path;
    private final FileChannel channel;
    private final FileNames names;
    private boolean nameForced;

    /**
     * A slot of the file.
     *
     * @param offset of its first byte in the file
     * @param size how many bytes it may take, its length and checksum included
     */
    record Slot(long offset, int size) {
        long end() {
            return offset + size;
        }
    }

    private JournalFile(Path path, FileChannel channel, FileNames names) {
        this.path = path;
        this.channel = channel;
        this.names = names;
    }

    /** Makes an empty file; what it held before is gone. */
    static JournalFile create(Path path, FileNames names) throws StateferryException {
        return open(
                path,
                names,
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING,
                LinkOption.NOFOLLOW_LINKS);
    }

    /** Opens the file that is there; empty if there is none. */
    static Optional<JournalFile> openExisting(Path path) throws StateferryException {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                ? Optional.of(open(
                        path,
                        FileNames.SYSTEM,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        LinkOption.NOFOLLOW_LINKS))
                : Optional.empty();
    }

    /** Opens the file that is there, to look at it only; empty if there is none. */
    static Optional<JournalFile> openForReading(Path path) throws StateferryException {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                ? Optional.of(open(path, FileNames.SYSTEM, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))
                : Optional.empty();
    }

    private static JournalFile open(Path path, FileNames names, OpenOption... options) throws StateferryException {
        try {
            return new JournalFile(path, FileChannel.open(path, options), names);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "opening the journal");
        }
    }

    void writeSlot(Slot slot, byte[] content) throws StateferryException {
        if (content.length > slot.size() - OVERHEAD) {
            throw StateferryException.at(
                    FailureKind.INTERNAL,
                    path,
                    slot.offset(),
                    "journal part of " + content.length + " bytes is too large");
        }
        ByteBuffer part = ByteBuffer.allocate(content.length + OVERHEAD);
        part.putInt(content.length).put(content).putInt(checksum(content, content.length));
        write(part.flip(), slot.offset());
    }

    /** The content of a part, or null if there is none or it is not intact. */
    byte @Nullable [] readSlot(Slot slot) throws StateferryException {
        ByteBuffer length = ByteBuffer.allocate(4);
        if (!read(length, slot.offset())) {
            return null;
        }
        int size = length.getInt(0);
        if (size < 0 || size > slot.size() - OVERHEAD) {
            return null;
        }
        ByteBuffer rest = ByteBuffer.allocate(size + 4);
        if (!read(rest, slot.offset() + 4)) {
            return null;
        }
        byte[] content = Arrays.copyOf(rest.array(), size);
        return rest.getInt(size) == checksum(content, size) ? content : null;
    }

    /** Writes bytes that bring their own checksum. */
    void write(ByteBuffer source, long offset) throws StateferryException {
        try {
            long position = offset;
            while (source.hasRemaining()) {
                position += channel.write(source, position);
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path, offset, "write to the journal");
        }
    }

    /** Fills {@code target} as far as the file goes; false if it ends before. */
    boolean read(ByteBuffer target, long offset) throws StateferryException {
        try {
            long position = offset;
            while (target.hasRemaining()) {
                int count = channel.read(target, position);
                if (count < 0) {
                    return false;
                }
                position += count;
            }
            return true;
        } catch (IOException e) {
            throw FileFailures.translate(e, path, offset, "read of the journal");
        }
    }

    /** Returns when everything written before, and the file's name, is on stable storage. */
    synchronized void force() throws StateferryException {
        try {
            channel.force(true);
            if (!nameForced) {
                names.force(Objects.requireNonNull(path.toAbsolutePath().getParent(), "a file has a folder"));
                nameForced = true;
            }
        } catch (IOException e) {
            throw FileFailures.translate(
                    e, path, StateferryException.NO_OFFSET, "forcing the journal to stable storage");
        }
    }

    /** How many bytes it has. */
    long size() throws StateferryException {
        try {
            return channel.size();
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "asking for the size of the journal");
        }
    }

    /** Gives up everything from {@code size} on. */
    void cut(long size) throws StateferryException {
        try {
            channel.truncate(size);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, size, "cutting the journal");
        }
    }

    static int checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    @Override
    public void close() throws StateferryException {
        try {
            channel.close();
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "closing the journal");
        }
    }
}
