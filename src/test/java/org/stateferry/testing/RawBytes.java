package org.stateferry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A file's bytes as they lie on disk: to damage a test image on purpose, and to prove a file unchanged. */
public final class RawBytes {
    private RawBytes() {}

    /** The SHA-256 of a whole, small file, in hexadecimal digits. */
    public static String sha256(Path file) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(Files.readAllBytes(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** The file's length in bytes. */
    public static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads a big-endian 64-bit number. */
    public static long readU64(Path file, long offset) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES);
            if (channel.read(bytes, offset) != Long.BYTES) {
                throw new AssertionError(file + " ends before byte " + (offset + Long.BYTES));
            }
            return bytes.getLong(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Overwrites eight bytes in place with a big-endian number. */
    public static void writeU64(Path file, long offset, long value) {
        write(file, offset, ByteBuffer.allocate(Long.BYTES).putLong(0, value));
    }

    /** Overwrites bytes in place. */
    public static void write(Path file, long offset, int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length);
        for (int value : values) {
            bytes.put((byte) value);
        }
        write(file, offset, bytes.flip());
    }

    private static void write(Path file, long offset, ByteBuffer bytes) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(bytes, offset);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
