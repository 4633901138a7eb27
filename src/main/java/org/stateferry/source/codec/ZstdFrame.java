package org.stateferry.source.codec;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.tukaani.xz.UnsupportedOptionsException;

/** One frame of zstd data (RFC 8878), a skippable one included. Its window lies in native memory. */
final class ZstdFrame implements MemberDecoder {
    /** The largest window: 2^27 bytes, which is 128 MiB; zstd itself decodes no larger one unless told to. */
    static final int WINDOW_LOG_MAX = 27;

    /** Where the window's descriptor lies, behind magic and frame's descriptor; RFC 8878, section 3.1.1.1.2. */
    private static final int WINDOW_AT = 5;

    private static final int WINDOW_LOG_MIN = 10;

    private final CodedInput in;
    private final ZstdDecompressCtx context;
    private boolean ended;

    ZstdFrame(CodedInput in) throws IOException {
        this.in = in;
        // The library refuses more too, but as damage.
        if (windowSize(in.peek(ZstdFrames.HEAD_SIZE_MAX)) > 1L << WINDOW_LOG_MAX) {
            throw new UnsupportedOptionsException("a window of more than 128 MiB (zstd --long)");
        }
        context = new ZstdDecompressCtx();
        context.setLongMax(WINDOW_LOG_MAX);
    }

    private static long windowSize(ByteBuffer head) {
        if (head.remaining() <= WINDOW_AT) {
            return 0;
        }
        if ((head.get(WINDOW_AT - 1) & ZstdFrames.SINGLE_SEGMENT) != 0) {
            return ZstdFrames.contentSize(head);
        }
        int descriptor = Byte.toUnsignedInt(head.get(WINDOW_AT));
        long base = 1L << WINDOW_LOG_MIN + (descriptor >> 3);
        return base + base / 8 * (descriptor & 7);
    }

    @Override
    public int decode(ByteBuffer target) throws IOException {
        int start = target.position();
        try {
            while (target.position() == start) {
                if (ended) {
                    return -1;
                }
                ByteBuffer ahead = in.ahead();
                int before = ahead.remaining();
                ended = context.decompressDirectByteBufferStream(target, ahead);
                if (!ended && before == 0 && target.position() == start) {
                    throw new EOFException();
                }
            }
        } catch (ZstdException e) {
            throw new IOException(e.getMessage(), e);
        }
        return target.position() - start;
    }

    @Override
    public void close() {
        context.close();
    }
}
