package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
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
    /** The longest text that is read, in bytes; that of a machine with thousands of processors has some megabytes. */
    public static final int SIZE_MAX = 16 * 1024 * 1024;

    /** The type byte and the 32-bit length before the text. */
    static final int RECORD_HEAD_SIZE = 1 + Integer.BYTES;

    /** The end mark of the stream and the head of the record. */
    private static final int HEAD_SIZE = 1 + RECORD_HEAD_SIZE;

    public VmDescription {
        devices = List.copyOf(devices);
    }

    /** The offset in the stream of the record that holds the text, which is right behind the end mark. */
    public long recordOffset() {
        return extent.offset() - RECORD_HEAD_SIZE;
    }

    /** The stream's length in bytes: it ends with the text. */
    public long end() {
        return extent.offset() + extent.length();
    }

    /**
     * Finds the vmdescription at the end of a stream. Nothing points to it, so its beginning is searched backwards from
     * the end: {@code 00 06 be32 length '{'}, with a length that leads exactly to the end.
     *
     * @param file the dump, for messages
     * @param fileOffset where in the file the stream begins
     * @param tail the stream's last bytes, without padding
     * @param streamLength the stream's length in bytes, without padding
     * @return null if there is no vmdescription in the tail
     */
    static @Nullable VmDescription atEnd(Path file, long fileOffset, ByteBuffer tail, long streamLength)
            throws StateferryException {
        ByteBuffer bytes = tail.slice();
        long tailOffset = streamLength - bytes.limit();
        for (int at = bytes.limit() - 1; at >= HEAD_SIZE; at--) {
            if (isText(bytes, at) && at + Integer.toUnsignedLong(bytes.getInt(at - Integer.BYTES)) == bytes.limit()) {
                bytes.position(at);
                return parse(file, fileOffset, bytes, tailOffset + at);
            }
        }
        return null;
    }

    /** Whether a text begins here: the end mark and the record's head come before it. */
    private static boolean isText(ByteBuffer bytes, int at) {
        return bytes.get(at) == '{'
                && bytes.get(at - RECORD_HEAD_SIZE) == SectionType.VMDESCRIPTION.code()
                && bytes.get(at - HEAD_SIZE) == SectionType.EOF.code();
    }

    /**
     * Reads the vmdescription behind an end mark.
     *
     * @param fileOffset where in the file the stream begins
     * @param recordOffset the offset in the stream behind the end mark
     * @return null if something else is there, or nothing
     * @throws StateferryException if it is damaged or cut off
     */
    static @Nullable VmDescription at(StreamFile file, long fileOffset, long recordOffset) throws StateferryException {
        long left = file.size() - fileOffset - recordOffset;
        ByteBuffer head = file.read(fileOffset + recordOffset, (int) Math.min(left, RECORD_HEAD_SIZE + 1));
        if (!isRecord(head)) {
            return null;
        }
        long textOffset = recordOffset + RECORD_HEAD_SIZE;
        boolean begun = head.remaining() > RECORD_HEAD_SIZE && head.get(RECORD_HEAD_SIZE) == '{';
        long size = begun ? Integer.toUnsignedLong(head.getInt(1)) : 0;
        long missing = size - (left - RECORD_HEAD_SIZE);
        if (size == 0 || missing > 0) {
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID,
                            file.path(),
                            file.size(),
                            "the stream is cut off inside its vmdescription"
                                    + (size == 0 ? "" : ", " + missing + " bytes before its end"))
                    .advise("save the state again");
        }
        return parse(file.path(), fileOffset, file.read(fileOffset + textOffset, (int) size), textOffset);
    }

    /** Whether these first bytes of what follows an end mark, up to six, are those of a record, cut off or not. */
    static boolean isRecord(ByteBuffer head) {
        int count = head.remaining();
        if (count == 0 || head.get(0) != SectionType.VMDESCRIPTION.code()) {
            return false;
        }
        if (count <= RECORD_HEAD_SIZE || head.get(RECORD_HEAD_SIZE) == 0) {
            return true; // the file ends here, or padding begins
        }
        long size = Integer.toUnsignedLong(head.getInt(1));
        return head.get(RECORD_HEAD_SIZE) == '{' && size >= 2 && size <= SIZE_MAX;
    }

    private static VmDescription parse(Path file, long fileOffset, ByteBuffer text, long textOffset)
            throws StateferryException {
        return new VmDescriptionParser(file, fileOffset + textOffset)
                .parse(text, new StreamFacts.Extent(textOffset, text.remaining()));
    }
}
