package org.stateferry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A small file's bytes as they lie on disk: to damage a test image on purpose, and to prove a file unchanged. */
public final class RawBytes {
    private RawBytes() {}

    /** The SHA-256 of a whole file, in hexadecimal digits. */
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

    /** Reads a big-endian 64-bit number. */
    public static long readU64(Path file, long offset) {
        return ByteBuffer.wrap(readAll(file)).getLong(Math.toIntExact(offset));
    }

    /** Overwrites bytes in place. */
    public static void write(Path file, long offset, int... values) {
        byte[] bytes = readAll(file);
        for (int i = 0; i < values.length; i++) {
            bytes[Math.toIntExact(offset) + i] = (byte) values[i];
        }
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] readAll(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
