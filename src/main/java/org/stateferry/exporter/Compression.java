package org.stateferry.exporter;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.UnsupportedOptionsException;
import org.tukaani.xz.XZOutputStream;

/**
 * How an exported state is compressed. Each piece becomes a member, frame or stream of its own, so that several are compressed at
 * once and the same state always gives the same bytes; {@code gzip -d}, {@code zstd -d} and {@code xz -d} read them one after
 * the other.
 */
public enum Compression {
    /** Not at all. */
    NONE {
        @Override
        byte[] compress(byte[] piece, int size) {
            throw new IllegalStateException("nothing is compressed");
        }
    },
    /** RFC 1952. */
    GZIP {
        @Override
        byte[] compress(byte[] piece, int size) {
            return GZIP_MEMBERS.get().of(piece, size);
        }
    },
    /** RFC 8878. */
    ZSTD {
        @Override
        byte[] compress(byte[] piece, int size) {
            byte[] target = new byte[(int) Zstd.compressBound(size)];
            long count = Zstd.compressByteArray(target, 0, target.length, piece, 0, size, ZSTD_LEVEL, true);
            if (Zstd.isError(count)) {
                throw new IllegalStateException("zstd: " + Zstd.getErrorName(count));
            }
            return Arrays.copyOf(target, (int) count);
        }
    },
    /** The format of XZ Utils. A dictionary larger than a piece would take memory for nothing. */
    XZ {
        @Override
        byte[] compress(byte[] piece, int size) throws IOException {
            ByteArrayOutputStream collected = new ByteArrayOutputStream(size / 2);
            try (OutputStream compressing = new XZOutputStream(collected, xzOptions(), XZ_CHECK)) {
                compressing.write(piece, 0, size);
            }
            return collected.toByteArray();
        }
    };

    private static final ThreadLocal<GzipMember> GZIP_MEMBERS =
            ThreadLocal.withInitial(() -> new GzipMember(ReadAhead.PIECE_SIZE));
    private static final int ZSTD_LEVEL = 3;
    private static final int XZ_PRESET = 3;
    private static final int XZ_CHECK = org.tukaani.xz.XZ.CHECK_CRC64;

    /**
     * Compresses the first {@code size} bytes of a piece. Thread-safe.
     *
     * @throws IOException never, in truth: everything is in memory
     */
    abstract byte[] compress(byte[] piece, int size) throws IOException;

    private static LZMA2Options xzOptions() throws UnsupportedOptionsException {
        LZMA2Options options = new LZMA2Options(XZ_PRESET);
        options.setDictSize(ReadAhead.PIECE_SIZE);
        return options;
    }
}
