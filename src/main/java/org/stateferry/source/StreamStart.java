package org.stateferry.source;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;
import org.stateferry.source.codec.Codec;

/**
 * Finds a stream that does not begin with the first byte of its file: with QEMU's {@code migrate file:NAME,offset=N} something
 * else, which belongs to whoever manages the machine, can be before it.
 */
final class StreamStart {
    /** Stands for no stream. */
    static final long NONE = -1;

    /** How far it is searched; holes cost nothing. */
    private static final long SEARCH_MAX = 64L * 1024 * 1024;
    /** It is searched at multiples of this: whoever leaves room for a header leaves whole sectors. */
    private static final int ALIGNMENT = 512;

    private static final int PIECE_SIZE = 1024 * 1024;
    /** Magic, version and the type of the configuration section. */
    private static final int HEAD_SIZE = 2 * Integer.BYTES + 1;

    private static final int VERSION = 3;
    private static final int CONFIGURATION = 0x07;

    private StreamStart() {}

    /** The offset of the first stream in a file that begins with something else; {@link #NONE} if there is none. */
    static long search(DumpFile file) throws StateferryException {
        long end = Math.min(SEARCH_MAX, file.size());
        for (long at = 0; at < end; at += PIECE_SIZE) {
            if (file.nextData(at) < Math.min(file.size(), at + PIECE_SIZE)) {
                ByteBuffer piece = file.read(at, (int) Math.min(PIECE_SIZE, file.size() - at));
                for (int index = 0; index + HEAD_SIZE <= piece.limit(); index += ALIGNMENT) {
                    if (isHead(piece.slice(index, HEAD_SIZE))) {
                        return at + index;
                    }
                }
            }
        }
        return NONE;
    }

    private static boolean isHead(ByteBuffer bytes) {
        return DumpLayout.isStream(bytes)
                && bytes.getInt(Integer.BYTES) == VERSION
                && bytes.get(2 * Integer.BYTES) == CONFIGURATION;
    }

    /** Whether the first bytes of a file are those of nothing that is known, so that it is worth a search. */
    static boolean isUnknown(ByteBuffer head) {
        return !DumpLayout.isStream(head)
                && !LibvirtSaveHeader.isAt(head)
                && Codec.at(head) == null
                && ForeignFormat.of(head) == null;
    }
}
