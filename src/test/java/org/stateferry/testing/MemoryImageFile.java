package org.stateferry.testing;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.stateferry.storage.ImageFile;

/** An image file in memory. Only pages that were written take room, so offsets may be as large as they like. Thread-safe. */
public final class MemoryImageFile implements ImageFile {
    private static final int PAGE_SIZE = 4096;
    private static final byte[] ZEROS = new byte[PAGE_SIZE];

    private final Map<Long, byte[]> pages = new HashMap<>();
    /** Pages that no copy shares; any other is replaced before it is written. */
    private final Set<Long> ownPages = new HashSet<>();

    private long size;

    /** A file with these bytes. */
    public static MemoryImageFile of(byte[] bytes) {
        MemoryImageFile file = new MemoryImageFile();
        file.write(ByteBuffer.wrap(bytes), 0);
        return file;
    }

    /** A copy of a small file on disk; pages of zeros take no room. */
    public static MemoryImageFile load(Path source) {
        try {
            byte[] bytes = Files.readAllBytes(source);
            MemoryImageFile file = new MemoryImageFile();
            for (int at = 0; at < bytes.length; at += PAGE_SIZE) {
                int count = Math.min(PAGE_SIZE, bytes.length - at);
                if (!Arrays.equals(bytes, at, at + count, ZEROS, 0, count)) {
                    file.write(ByteBuffer.wrap(bytes, at, count), at);
                }
            }
            return file.extendTo(bytes.length);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A copy that lives its own life. What neither changes is in memory once. */
    public synchronized MemoryImageFile copy() {
        MemoryImageFile copy = new MemoryImageFile();
        copy.pages.putAll(pages);
        ownPages.clear();
        copy.size = size;
        return copy;
    }

    /** Writes the content into a file on disk; what was never written becomes a hole. */
    public synchronized Path saveTo(Path target) {
        try (RandomAccessFile out = new RandomAccessFile(target.toFile(), "rw")) {
            out.setLength(0);
            FileChannel channel = out.getChannel();
            for (Map.Entry<Long, byte[]> page : pages.entrySet()) {
                channel.write(ByteBuffer.wrap(page.getValue()), page.getKey() * PAGE_SIZE);
            }
            out.setLength(size);
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Path path() {
        return Path.of("/memory.qcow2");
    }

    @Override
    public synchronized int read(ByteBuffer target, long offset) {
        requireOffset(offset);
        int inFile = (int) Math.max(0, Math.min(target.remaining(), size - offset));
        long at = offset;
        while (target.hasRemaining()) {
            int inPage = (int) (at % PAGE_SIZE);
            int count = Math.min(target.remaining(), PAGE_SIZE - inPage);
            byte[] page = at < size ? pages.get(at / PAGE_SIZE) : null;
            target.put(page == null ? ZEROS : page, inPage, count);
            at += count;
        }
        return inFile;
    }

    @Override
    public synchronized void write(ByteBuffer source, long offset) {
        requireOffset(offset);
        long at = offset;
        while (source.hasRemaining()) {
            int inPage = (int) (at % PAGE_SIZE);
            int count = Math.min(source.remaining(), PAGE_SIZE - inPage);
            source.get(pageToChange(at / PAGE_SIZE), inPage, count);
            at += count;
        }
        size = Math.max(size, at);
    }

    private byte[] pageToChange(long index) {
        if (ownPages.add(index)) {
            pages.put(index, pages.getOrDefault(index, ZEROS).clone());
        }
        return pages.get(index);
    }

    /** As a {@link FileChannel} does: a negative offset is the caller's mistake. */
    private static void requireOffset(long offset) {
        if (offset < 0) {
            throw new IllegalArgumentException("Negative position");
        }
    }

    @Override
    public void force() {
        // memory is as stable as it gets
    }

    @Override
    public synchronized long size() {
        return size;
    }

    @Override
    public synchronized void truncate(long newSize) {
        if (newSize >= size) {
            return;
        }
        size = newSize;
        pages.keySet().removeIf(index -> index * PAGE_SIZE >= newSize);
        ownPages.removeIf(index -> index * PAGE_SIZE >= newSize);
        if (pages.containsKey(newSize / PAGE_SIZE)) {
            byte[] last = pageToChange(newSize / PAGE_SIZE);
            Arrays.fill(last, (int) (newSize % PAGE_SIZE), PAGE_SIZE, (byte) 0);
        }
    }

    /** Makes the file longer without taking room. */
    public synchronized MemoryImageFile extendTo(long newSize) {
        size = Math.max(size, newSize);
        return this;
    }

    /** A part of the file; past the end there are zeros. */
    public byte[] bytes(long offset, int count) {
        byte[] bytes = new byte[count];
        read(ByteBuffer.wrap(bytes), offset);
        return bytes;
    }

    /** All of a small file. */
    public byte[] bytes() {
        return bytes(0, Math.toIntExact(size()));
    }

    /** The big-endian 64-bit number at an offset. */
    public long u64(long offset) {
        return ByteBuffer.wrap(bytes(offset, 8)).getLong();
    }

    /** The big-endian 32-bit number at an offset. */
    public long u32(long offset) {
        return Integer.toUnsignedLong(ByteBuffer.wrap(bytes(offset, 4)).getInt());
    }

    /** Overwrites a big-endian 64-bit number. */
    public MemoryImageFile putU64(long offset, long value) {
        write(ByteBuffer.allocate(8).putLong(0, value), offset);
        return this;
    }

    /** Overwrites a big-endian 32-bit number. */
    public MemoryImageFile putU32(long offset, long value) {
        write(ByteBuffer.allocate(4).putInt(0, (int) value), offset);
        return this;
    }

    /** Whether both files have the same length and content. */
    public boolean hasSameContent(MemoryImageFile other) {
        if (size() != other.size()) {
            return false;
        }
        Set<Long> indexes = new HashSet<>(pages.keySet());
        indexes.addAll(other.pages.keySet());
        return indexes.stream()
                .allMatch(index ->
                        Arrays.equals(pages.getOrDefault(index, ZEROS), other.pages.getOrDefault(index, ZEROS)));
    }
}
