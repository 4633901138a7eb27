package org.stateferry.testing;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** Variations of a dump of the {@linkplain TickerGuest ticker} that QEMU loads as well as the original. */
public final class TickerDump {
    private static final int PAGE_SIZE = 4096;
    private static final int PAGES_PER_MEBIBYTE = (1 << 20) / PAGE_SIZE;
    private static final int FLAG_ZERO = 0x02;
    private static final int FLAG_PAGE = 0x08;
    private static final int FLAG_EOS = 0x10;
    private static final int FLAG_CONTINUE = 0x20;
    private static final byte SECTION_PART = 0x02;
    private static final byte SECTION_FOOTER = 0x7e;
    /** A page of main memory that neither the BIOS nor the guest uses. */
    private static final long SPARE_PAGE = 8L << 20;

    private TickerDump() {}

    /** Writes a dump whose guest has counted to another number: the same length, another content, another tick. */
    public static Path withCounter(Path original, Path target, int counter) {
        byte[] bytes = readAll(original);
        byte[] message = "tick ".getBytes(StandardCharsets.US_ASCII);
        byte[] digits = String.format("%04d", counter).getBytes(StandardCharsets.US_ASCII);
        int found = 0;
        for (int at = indexOf(bytes, message, 0); at >= 0; at = indexOf(bytes, message, at + 1)) {
            System.arraycopy(digits, 0, bytes, at + message.length, digits.length);
            found++;
        }
        if (found == 0) {
            throw new AssertionError("no counter in " + original);
        }
        return write(target, bytes);
    }

    /**
     * Writes a longer dump of the same guest: a RAM part section with this much random content for a spare page is put
     * right after the RAM section's start, as a live migration sends a busy page again and again. The original's own
     * record for that page comes later and wins.
     */
    public static Path inflated(Path original, Path target, int mebibytes, long seed) {
        return inflated(original, target, mebibytes, new SplittableRandom(seed)::nextBytes, false);
    }

    /**
     * As {@link #inflated(Path, Path, int, long)}, with any content.
     *
     * @param content fills one page after the other
     * @param halfZero whether each MiB of content is followed by one that is sent as zero pages
     */
    public static Path inflated(Path original, Path target, int mebibytes, Consumer<byte[]> content, boolean halfZero) {
        byte[] bytes = readAll(original);
        int startEnd = endOfRamStart(bytes);
        byte[] footer = Arrays.copyOfRange(bytes, startEnd - 5, startEnd);
        try (DataOutputStream stream = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(target)))) {
            stream.write(bytes, 0, startEnd);
            stream.write(SECTION_PART);
            stream.write(footer, 1, 4);
            writePages(stream, mebibytes, content, halfZero);
            stream.writeLong(FLAG_EOS);
            stream.write(footer);
            stream.write(bytes, startEnd, bytes.length - startEnd);
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void writePages(DataOutputStream stream, int mebibytes, Consumer<byte[]> content, boolean halfZero)
            throws IOException {
        byte[] page = new byte[PAGE_SIZE];
        for (int mebibyte = 0; mebibyte < mebibytes; mebibyte++) {
            for (int i = 0; i < PAGES_PER_MEBIBYTE; i++) {
                content.accept(page);
                writeHead(stream, FLAG_PAGE, mebibyte == 0 && i == 0);
                stream.write(page);
            }
            for (int i = 0; halfZero && i < PAGES_PER_MEBIBYTE; i++) {
                writeHead(stream, FLAG_ZERO, false);
                stream.writeByte(0);
            }
        }
    }

    /** The first record of a section names its block; the others are in the same one. */
    private static void writeHead(DataOutputStream stream, int flag, boolean first) throws IOException {
        if (first) {
            stream.writeLong(SPARE_PAGE | flag);
            stream.writeByte("pc.ram".length());
            stream.writeBytes("pc.ram");
        } else {
            stream.writeLong(SPARE_PAGE | flag | FLAG_CONTINUE);
        }
    }

    /** The start section ends with the first end-of-section record that a section footer follows. */
    private static int endOfRamStart(byte[] bytes) {
        byte[] end = {0, 0, 0, 0, 0, 0, 0, FLAG_EOS, SECTION_FOOTER};
        int at = indexOf(bytes, end, 0);
        if (at < 0) {
            throw new AssertionError("no RAM section start");
        }
        return at + end.length + 4;
    }

    private static int indexOf(byte[] bytes, byte[] wanted, int from) {
        for (int at = from; at + wanted.length <= bytes.length; at++) {
            if (Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
                return at;
            }
        }
        return -1;
    }

    private static byte[] readAll(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path write(Path target, byte[] bytes) {
        try {
            return Files.write(target, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
