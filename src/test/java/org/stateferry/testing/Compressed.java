package org.stateferry.testing;

import com.github.luben.zstd.ZstdCompressCtx;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.Adler32;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.codec.digest.XXHash32;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.stateferry.source.codec.Codec;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** Compresses bytes as the codecs' own tools do. */
public final class Compressed {
    private static final Duration LIMIT = Duration.ofMinutes(10);

    private static final int LZOP_BLOCK_SIZE = 256 * 1024;
    /** Runs of one byte that are shorter are written as they are. */
    private static final int RUN_MIN = 64;

    private static final int LZ4_BLOCK_SIZE = 64 * 1024;
    /** What bgzip takes, so that a member stays below 64 KiB whatever it holds. */
    private static final int BGZF_CONTENT_SIZE = 0xff00;

    private Compressed() {}

    /** The bytes as one member, frame or stream. */
    public static byte[] with(Codec codec, byte[] content) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            switch (codec) {
                case GZIP -> write(new GZIPOutputStream(bytes), content);
                case ZSTD -> bytes.write(zstd(content));
                case XZ -> write(new XZOutputStream(bytes, new LZMA2Options(1)), content);
                case BZIP2 -> write(new BZip2CompressorOutputStream(bytes, 1), content);
                case LZ4 -> lz4(bytes, content);
                case LZOP -> lzop(bytes, content);
            }
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The bytes in two pieces, each compressed by itself. */
    public static byte[] inTwoMembers(Codec codec, byte[] content) {
        byte[] first = with(codec, Arrays.copyOf(content, content.length / 3));
        byte[] second = with(codec, Arrays.copyOfRange(content, content.length / 3, content.length));
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    /** The bytes as bgzip writes them: gzip members of at most 64 KiB, each with its size in its head, and an empty one. */
    public static byte[] bgzf(byte[] content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int at = 0; at < content.length; at += BGZF_CONTENT_SIZE) {
            bgzfMember(bytes, Arrays.copyOfRange(content, at, Math.min(content.length, at + BGZF_CONTENT_SIZE)));
        }
        bgzfMember(bytes, new byte[0]);
        return bytes.toByteArray();
    }

    private static void bgzfMember(ByteArrayOutputStream bytes, byte[] content) {
        Deflater deflater = new Deflater(1, true);
        deflater.setInput(content);
        deflater.finish();
        byte[] coded = new byte[64 * 1024];
        int size = deflater.deflate(coded);
        deflater.end();
        CRC32 crc = new CRC32();
        crc.update(content);
        bytes.writeBytes(HexFormat.of().parseHex("1f8b08040000000000ff060042430200"));
        int last = 18 + size + 8 - 1;
        bytes.write(last);
        bytes.write(last >> 8);
        bytes.write(coded, 0, size);
        littleEndian(bytes, (int) crc.getValue());
        littleEndian(bytes, content.length);
    }

    private static byte[] zstd(byte[] content) {
        try (ZstdCompressCtx context = new ZstdCompressCtx()) {
            return context.setChecksum(true).compress(content);
        }
    }

    private static void write(OutputStream out, byte[] content) throws IOException {
        try (out) {
            out.write(content);
        }
    }

    /** One frame of independent blocks of 64 KiB with a checksum of the content. */
    private static void lz4(ByteArrayOutputStream bytes, byte[] content) throws IOException {
        byte[] descriptor = {0x64, 0x40};
        bytes.write(HexFormat.of().parseHex("04224d18"));
        bytes.write(descriptor);
        bytes.write(xxHash(descriptor) >> 8);
        for (int at = 0; at < content.length; at += LZ4_BLOCK_SIZE) {
            byte[] block = Arrays.copyOfRange(content, at, Math.min(content.length, at + LZ4_BLOCK_SIZE));
            byte[] coded = lz4Block(block);
            boolean stored = coded.length >= block.length;
            littleEndian(bytes, stored ? block.length | 1 << 31 : coded.length);
            bytes.write(stored ? block : coded);
        }
        littleEndian(bytes, 0);
        littleEndian(bytes, xxHash(content));
    }

    private static int xxHash(byte[] bytes) {
        XXHash32 hash = new XXHash32();
        hash.update(bytes, 0, bytes.length);
        return (int) hash.getValue();
    }

    private static void littleEndian(ByteArrayOutputStream out, int value) {
        for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
            out.write(value >> shift);
        }
    }

    /** An LZ4 block of nothing but literals and repetitions of the byte before; the last twelve bytes are literals. */
    private static byte[] lz4Block(byte[] content) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int at = 0;
        while (at < content.length) {
            int runStart = at + 1;
            while (runStart < content.length && runAt(content, runStart) < RUN_MIN) {
                runStart++;
            }
            int run = runStart < content.length ? runAt(content, runStart) : 0;
            run = Math.min(run, content.length - 12 - runStart);
            boolean last = run < RUN_MIN / 2;
            int literals = last ? content.length - at : runStart - at;
            int match = last ? 0 : run - 4;
            out.write(Math.min(literals, 15) << 4 | Math.min(match, 15));
            lz4Rest(out, literals);
            out.write(content, at, literals);
            at += literals;
            if (!last) {
                out.write(1);
                out.write(0);
                lz4Rest(out, match);
                at += run;
            }
        }
        return out.toByteArray();
    }

    private static void lz4Rest(ByteArrayOutputStream out, int value) {
        int rest = value - 15;
        while (rest >= 255) {
            out.write(255);
            rest -= 255;
        }
        if (rest >= 0) {
            out.write(rest);
        }
    }

    private static void lzop(ByteArrayOutputStream bytes, byte[] content) throws IOException {
        bytes.write(HexFormat.of().parseHex("894c5a4f000d0a1a0a"));
        ByteArrayOutputStream headBytes = new ByteArrayOutputStream();
        DataOutputStream head = new DataOutputStream(headBytes);
        head.writeShort(0x1040);
        head.writeShort(0x20a0);
        head.writeShort(0x0940);
        head.writeByte(1);
        head.writeByte(5);
        head.writeInt(0x03000003);
        head.writeInt(0100644);
        head.writeInt(0);
        head.writeInt(0);
        head.writeByte(4);
        head.write("dump".getBytes(StandardCharsets.US_ASCII));
        bytes.write(headBytes.toByteArray());
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeInt(adler32(headBytes.toByteArray()));
        for (int at = 0; at < content.length; at += LZOP_BLOCK_SIZE) {
            byte[] block = Arrays.copyOfRange(content, at, Math.min(content.length, at + LZOP_BLOCK_SIZE));
            byte[] coded = lzo(block);
            boolean stored = coded.length >= block.length;
            out.writeInt(block.length);
            out.writeInt(stored ? block.length : coded.length);
            out.writeInt(adler32(block));
            if (!stored) {
                out.writeInt(adler32(coded));
            }
            out.write(stored ? block : coded);
        }
        out.writeInt(0);
    }

    private static int adler32(byte[] bytes) {
        Adler32 adler = new Adler32();
        adler.update(bytes);
        return (int) adler.getValue();
    }

    /** LZO1X data of nothing but literals and repetitions of the byte before; each run follows some literals. */
    private static byte[] lzo(byte[] content) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int at = 0;
        while (at < content.length) {
            int runStart = at + 1;
            while (runStart < content.length && runAt(content, runStart) < RUN_MIN) {
                runStart++;
            }
            // At least four literals, as fewer are part of the instruction before them.
            runStart = Math.min(content.length, Math.max(runStart, at + 4));
            literals(out, content, at, runStart - at);
            at = runStart;
            int run = at < content.length ? runAt(content, at) : 0;
            if (run >= RUN_MIN) {
                run = content.length - at - run < 4 ? Math.max(0, run - 4) : run;
                extended(out, 0x20, 31, run - 2);
                out.write(0);
                out.write(0);
                at += run;
            }
        }
        out.write(0x11);
        out.write(0);
        out.write(0);
        return out.toByteArray();
    }

    /** How many bytes from here on are the one before. */
    private static int runAt(byte[] content, int at) {
        int end = at;
        while (end < content.length && content[end] == content[at - 1]) {
            end++;
        }
        return end - at;
    }

    private static void literals(ByteArrayOutputStream out, byte[] content, int start, int count) {
        extended(out, 0, 15, count - 3);
        out.write(content, start, count);
    }

    private static void extended(ByteArrayOutputStream out, int code, int small, int value) {
        if (value > 0 && value <= small) {
            out.write(code | value);
            return;
        }
        out.write(code);
        int rest = value - small;
        while (rest > 255) {
            out.write(0);
            rest -= 255;
        }
        out.write(rest);
    }

    /**
     * What a tool makes of a file, written to {@code coded}; skips the calling test where the tool is not installed.
     *
     * @param tool with its options, which reads a file that it is given and writes to standard output for {@code -c}
     */
    public static Path byTool(String tool, Path plain, Path coded) {
        CommandResult made = RunningCommand.run(
                LIMIT,
                List.of(
                        "sh",
                        "-c",
                        "command -v ${0%% *} >/dev/null || exit 77; $0 -c \"$1\" > \"$2\"",
                        tool,
                        plain.toString(),
                        coded.toString()));
        Assumptions.assumeTrue(made.exitCode() != 77, tool + " is not installed");
        made.requireSuccess();
        return coded;
    }
}
