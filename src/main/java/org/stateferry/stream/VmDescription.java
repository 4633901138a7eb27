package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The JSON text that QEMU writes behind the end mark of a stream. It lists the device sections with the fields of their
 * payloads. Nothing else tells how long the payloads are, or proves that the end of the stream is not cut off.
 *
 * @param extent where the text lies: its offset in the stream and its length, in bytes
 * @param pageSize the target page size in bytes
 * @param devices the device sections in the order of the stream
 */
public record VmDescription(StreamFacts.Extent extent, int pageSize, List<DeviceState> devices) {
    /** How much of the stream's end {@link #find} needs, in bytes. Longer texts are not found. */
    public static final int TAIL_SIZE_MAX = 16 * 1024 * 1024;

    /** The end mark of the stream, the type byte and the 32-bit length before the text. */
    private static final int HEAD_SIZE = 1 + 1 + Integer.BYTES;

    private static final String STORE_OPAQUE = "if the file is to be stored as it is, give --format opaque";

    public VmDescription {
        devices = List.copyOf(devices);
    }

    /** The offset in the stream of the record that holds the text, which is right behind the end mark. */
    public long recordOffset() {
        return extent.offset() - HEAD_SIZE + 1;
    }

    /**
     * Finds the vmdescription at the end of a stream. Nothing points to it, so its beginning is searched backwards from the
     * end: {@code 00 06 be32 length '{'}, with a length that leads exactly to the end.
     *
     * @param file the dump, for messages
     * @param fileOffset where in the file the stream begins
     * @param tail the stream's last bytes, without padding: {@link #TAIL_SIZE_MAX} or all of it
     * @param streamLength the stream's length in bytes, without padding
     * @return null if there is no vmdescription
     */
    public static @Nullable VmDescription find(Path file, long fileOffset, ByteBuffer tail, long streamLength)
            throws StateferryException {
        ByteBuffer bytes = tail.slice();
        long tailOffset = streamLength - bytes.limit();
        long fileTailOffset = fileOffset + tailOffset;
        OptionalLong junk = OptionalLong.empty();
        for (int at = bytes.limit() - 1; at >= HEAD_SIZE; at--) {
            if (!isCandidate(bytes, at)) {
                continue;
            }
            long end = at + Integer.toUnsignedLong(bytes.getInt(at - Integer.BYTES));
            if (end == bytes.limit()) {
                VmDescriptionParser parser = new VmDescriptionParser(file, fileTailOffset + at);
                return parser.parse(text(bytes, at, (int) end), new StreamFacts.Extent(tailOffset + at, end - at));
            }
            if (end > bytes.limit() && isText(bytes, at, bytes.limit())) {
                throw StateferryException.at(
                                FailureKind.DUMP_INVALID,
                                file,
                                fileTailOffset + bytes.limit(),
                                "the stream is cut off inside its vmdescription, " + (end - bytes.limit())
                                        + " bytes before its end")
                        .advise("save the state again");
            }
            if (end < bytes.limit()
                    && junk.isEmpty()
                    && isText(bytes, at, (int) end)
                    && isVmDescription(file, bytes, at, (int) end)) {
                junk = OptionalLong.of(fileTailOffset + end);
            }
        }
        if (junk.isPresent()) {
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID,
                            file,
                            junk.getAsLong(),
                            "the stream ends here, but other bytes follow")
                    .advise(STORE_OPAQUE);
        }
        return null;
    }

    private static boolean isCandidate(ByteBuffer bytes, int at) {
        return bytes.get(at) == '{'
                && bytes.get(at - Integer.BYTES - 1) == SectionType.VMDESCRIPTION.code()
                && bytes.get(at - HEAD_SIZE) == SectionType.EOF.code();
    }

    private static byte[] text(ByteBuffer bytes, int from, int to) {
        byte[] text = new byte[to - from];
        bytes.get(from, text);
        return text;
    }

    /**
     * Whether all bytes are printable, which tells a text from guest memory that begins alike. Every candidate begins with
     * a zero byte, so the search ends at the next candidate: many candidates take no longer than one.
     */
    private static boolean isText(ByteBuffer bytes, int from, int to) {
        for (int at = from; at < to; at++) {
            if (bytes.get(at) < ' ') {
                return false;
            }
        }
        return true;
    }

    private static boolean isVmDescription(Path file, ByteBuffer bytes, int from, int to) {
        try {
            new VmDescriptionParser(file, from).parse(text(bytes, from, to), new StreamFacts.Extent(from, to - from));
            return true;
        } catch (StateferryException e) {
            return false;
        }
    }
}
