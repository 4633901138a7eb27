package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;

/**
 * Reads a stream element by element from pieces of any size. An element is something that is decoded as a whole, such as
 * a section's header or the head of a RAM record: {@link #has} tells whether all of it is at hand, the {@code peek}
 * methods read from it, and {@link #advance} passes it. Payloads are passed with {@link #skip}, whether they are at
 * hand or not.
 *
 * <p>Not thread-safe.
 */
public final class ElementInput {
    /** What to do with a stream that may be one of a QEMU that is not known here. */
    static final String IMPORT_UNSEEN =
            "if you know that a QEMU loads it, import the stream with --format opaque (and --offset,"
                    + " where other bytes come before it); else save the state again";

    /** The size of the longest element in bytes; the longest is a list of two migration capabilities. */
    static final int ELEMENT_SIZE_MAX = 640;

    private final Path file;
    private final long fileOffset;
    private ByteBuffer bytes = ByteBuffer.allocate(0);
    private long offset;
    private long pendingSkip;
    private boolean last;
    private StreamListener listener = StreamListener.NONE;

    /**
     * Begins at the stream's first byte, without any bytes.
     *
     * @param file the file to name in failures
     * @param fileOffset where the stream begins in it
     */
    public ElementInput(Path file, long fileOffset) {
        this.file = file;
        this.fileOffset = fileOffset;
    }

    /** Sets who is told of the bytes that are skipped. */
    void listen(StreamListener newListener) {
        listener = newListener;
    }

    /** Continues at an offset in the stream, with {@code newPendingSkip} bytes of payload still to pass. */
    public void resume(long newOffset, long newPendingSkip) {
        offset = newOffset;
        pendingSkip = newPendingSkip;
    }

    /** Reads on from {@code next}, whose position moves along. Bytes left in the buffer before it are forgotten. */
    public void offer(ByteBuffer next) {
        bytes = next.order(ByteOrder.BIG_ENDIAN);
        passSkipped();
    }

    /** Says that no more bytes will be offered than those at hand. */
    void setLast() {
        last = true;
    }

    /** Whether nothing comes behind the bytes at hand. */
    boolean isLast() {
        return last;
    }

    /** Up to {@code count} bytes from {@code at} bytes ahead on, fewer if no more are at hand; of the caller's to move in. */
    ByteBuffer peek(int at, int count) {
        int start = Math.min(bytes.limit(), bytes.position() + at);
        return bytes.slice(start, Math.min(count, bytes.limit() - start));
    }

    /** Whether {@code count} bytes, at most {@link #ELEMENT_SIZE_MAX}, are at hand. */
    boolean has(int count) {
        return pendingSkip == 0 && bytes.remaining() >= count;
    }

    int peekU8(int at) {
        return Byte.toUnsignedInt(bytes.get(bytes.position() + at));
    }

    int peekU16(int at) {
        return Short.toUnsignedInt(bytes.getShort(bytes.position() + at));
    }

    long peekU32(int at) {
        return Integer.toUnsignedLong(bytes.getInt(bytes.position() + at));
    }

    long peekI64(int at) {
        return bytes.getLong(bytes.position() + at);
    }

    /** Reads a name. QEMU's names are printable ASCII; a name that is not even printable UTF-8 means damage. */
    String peekName(int at, int count) throws StateferryException {
        ByteBuffer encoded = bytes.slice(bytes.position() + at, count);
        try {
            String name = StandardCharsets.UTF_8.newDecoder().decode(encoded).toString();
            if (!isPrintable(name)) {
                throw invalid("a name of " + count + " bytes holds control characters");
            }
            return name;
        } catch (CharacterCodingException e) {
            throw invalid("a name of " + count + " bytes is not UTF-8").causedBy(e);
        }
    }

    /** Whether a name is free of control characters, which could do something to the reader's terminal. */
    static boolean isPrintable(String name) {
        return name.codePoints().noneMatch(ForeignText::isDangerous);
    }

    /** Passes bytes that are at hand. */
    void advance(int count) {
        bytes.position(bytes.position() + count);
        offset += count;
    }

    /** Passes {@code count} bytes, whether they are at hand or still to come. */
    void skip(long count) {
        pendingSkip += count;
        passSkipped();
    }

    /** Passes all bytes at hand. */
    void skipAll() {
        advance(bytes.remaining());
    }

    /** Passes the bytes at hand up to the next one that is {@code value}; false if there is none, and all are passed. */
    boolean advanceTo(byte value) {
        int at = bytes.position();
        int end = bytes.limit();
        while (at < end && bytes.get(at) != value) {
            at++;
        }
        advance(at - bytes.position());
        return at < end;
    }

    private void passSkipped() {
        int count = (int) Math.min(pendingSkip, bytes.remaining());
        if (count > 0 && listener != StreamListener.NONE) {
            listener.skipped(bytes.slice(bytes.position(), count));
        }
        advance(count);
        pendingSkip -= count;
    }

    /** The offset in the stream of the next byte. */
    public long offset() {
        return offset;
    }

    /** The offset in the file of the next byte. */
    long fileOffset() {
        return fileOffset + offset;
    }

    /** How many bytes of payload come before the next element. */
    public long pendingSkip() {
        return pendingSkip;
    }

    /** A failure for damage at the next byte. */
    public StateferryException invalid(String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, file, fileOffset(), problem);
    }

    /** A failure for something at the next byte that no snapshot can load, or that is not known here. */
    StateferryException unfit(String problem) {
        return StateferryException.at(FailureKind.DUMP_UNFIT, file, fileOffset(), problem)
                .advise(IMPORT_UNSEEN);
    }
}
