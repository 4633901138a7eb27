package org.stateferry.source.codec;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** One frame of zstd data (RFC 8878), a skippable one included. Its window lies in native memory. */
final class ZstdFrame implements MemberDecoder {
    /** The largest window: 2^27 bytes, which is 128 MiB; zstd itself decodes no larger one unless told to. */
    static final int WINDOW_LOG_MAX = 27;

    private final CodedInput in;
    private final ZstdDecompressCtx context = new ZstdDecompressCtx();
    private boolean ended;

    ZstdFrame(CodedInput in) {
        this.in = in;
        context.setLongMax(WINDOW_LOG_MAX);
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
