package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The bytes at hand, read as whole elements: an element (a section header, a RAM record's head) is first asked for with
 * {@link #has}, looked at with the {@code peek} methods, and then passed with {@link #advance}. Payloads are passed with
 * {@link #skip}, which may reach beyond the bytes at hand.
 *
 * <p>Not thread-safe.
 */
final class ElementInput {
    /** The longest element, in bytes: a list of two migration capabilities with names of 255 bytes needs less. */
    static final int ELEMENT_SIZE_MAX = 640;

    private final Path file;
    private final long fileOffset;
    private ByteBuffer bytes = ByteBuffer.allocate(0);
    private long offset;
    private long pendingSkip;

    ElementInput(Path file, long fileOffset) {
        this.file = file;
        this.fileOffset = fileOffset;
    }

    /** Goes on at a stream offset, with so many bytes of payload still to pass. */
    void resume(long newOffset, long newPendingSkip) {
        offset = newOffset;
        pendingSkip = newPendingSkip;
    }

    /** Offers the next bytes; those of the buffer before are gone. The buffer's position moves with the reading. */
    void offer(ByteBuffer next) {
        bytes = next.order(ByteOrder.BIG_ENDIAN);
        passSkipped();
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

    /** A name; QEMU's are printable ASCII, so what is not even printable UTF-8 is damage. */
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

    /** Whether a name can be shown to an operator without doing anything to the terminal. */
    static boolean isPrintable(String name) {
        return name.chars().noneMatch(Character::isISOControl);
    }

    /** Passes bytes that are at hand. */
    void advance(int count) {
        bytes.position(bytes.position() + count);
        offset += count;
    }

    /** Passes bytes whether they are at hand or still to come. */
    void skip(long count) {
        pendingSkip += count;
        passSkipped();
    }

    /** Passes everything at hand. */
    void skipAll() {
        advance(bytes.remaining());
    }

    private void passSkipped() {
        int count = (int) Math.min(pendingSkip, bytes.remaining());
        advance(count);
        pendingSkip -= count;
    }

    /** The offset in the stream of the next byte. */
    long offset() {
        return offset;
    }

    /** The offset in the file of the next byte. */
    long fileOffset() {
        return fileOffset + offset;
    }

    /** How many bytes are still to be passed before the next element. */
    long pendingSkip() {
        return pendingSkip;
    }

    /** Damage at the next byte. */
    StateferryException invalid(String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, file, fileOffset(), problem);
    }

    /** Something at the next byte that no snapshot can load. */
    StateferryException unfit(String problem) {
        return StateferryException.at(FailureKind.DUMP_UNFIT, file, fileOffset(), problem);
    }
}
