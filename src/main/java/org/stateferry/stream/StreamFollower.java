package org.stateferry.stream;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Checks a stream that is read from its first byte to its last without knowing where that is, and finds out: it ends with
 * its vmdescription or, if it has none, with its end mark. What it says about its machine is complete only then.
 *
 * <p>Without the vmdescription the end of a device's payload is where a footer follows that fits, as {@link SectionWalker}
 * has it. Memory: the text of the vmdescription, {@link VmDescription#SIZE_MAX} at most. Not thread-safe; one that has failed
 * cannot be used again.
 */
public final class StreamFollower {
    /** Zeros behind what may be the end mark of a stream without a vmdescription that are looked at, unless it is the input's end. */
    private static final int PADDING_PROBE_SIZE = 256;

    /** A stream may hold the pages of its RAM so many times: a running guest changes them while it is saved. */
    private static final long PASSES_MAX = 32;

    /** Far above what devices have, in bytes. */
    private static final long DEVICES_SIZE_MAX = 1L << 30;

    private static final String RESAVE = "save the state again";

    private final Path file;
    private final StreamFacts opening;
    private final @Nullable String offsets;
    private final ElementInput in;
    private final PieceElements elements;
    private final SectionWalker walker;
    private final long lengthMax;
    private final ByteBuffer timer = ByteBuffer.allocate(TimerSection.PAYLOAD_SIZE_MAX);
    private @Nullable ByteArrayOutputStream text;
    private long textOffset;
    private long textSize;
    private long end = SectionWalker.NONE;
    private @Nullable VmDescription description;

    /**
     * @param file the dump, for messages
     * @param opening what its beginning says
     * @param offsets what offsets in failures count, to follow the problem in parentheses; null if they are the file's own
     */
    public StreamFollower(Path file, StreamFacts opening, @Nullable String offsets) {
        this.file = file;
        this.opening = opening;
        this.offsets = offsets;
        in = new ElementInput(file, 0);
        elements = new PieceElements(in);
        walker = new SectionWalker(in, opening.targetPageSize(), null, new EndMark());
        lengthMax = lengthMax(opening);
    }

    /**
     * The longest stream that is followed, in bytes: {@value #PASSES_MAX} times its RAM, and a GiB for its devices. What is
     * longer is taken for input that was made to fill the disk.
     */
    public static long lengthMax(StreamFacts opening) {
        long ram = opening.ramBlocks().stream().mapToLong(RamBlock::usedLength).sum();
        return ram > Long.MAX_VALUE / (2 * PASSES_MAX) ? Long.MAX_VALUE / 2 : PASSES_MAX * ram + DEVICES_SIZE_MAX;
    }

    /** Takes the next bytes, from the buffer's position to its limit, which stay as they are. Nothing of it is kept. */
    public void accept(ByteBuffer piece) throws StateferryException {
        long start = elements.accepted();
        try {
            if (end == SectionWalker.NONE && piece.hasRemaining()) {
                elements.accept(piece, this::walk);
                keepTimer(piece, start);
                requireBounded(start + piece.remaining());
            }
        } catch (StateferryException e) {
            throw located(e, file, offsets);
        }
    }

    /**
     * To be called when no more bytes come.
     *
     * @throws StateferryException if the stream is not complete
     */
    public void finish() throws StateferryException {
        try {
            if (end == SectionWalker.NONE) {
                elements.end(this::walk);
            }
            if (end != SectionWalker.NONE) {
                return;
            }
            if (text != null) {
                throw at(elements.accepted(), "the stream is cut off inside its vmdescription")
                        .advise(RESAVE);
            }
            walker.finish();
            end = elements.accepted(); // nothing tells where a stream ends that cannot be followed
        } catch (StateferryException e) {
            throw located(e, file, offsets);
        }
    }

    /** Whether the stream's end has been passed. */
    public boolean isEnded() {
        return end != SectionWalker.NONE;
    }

    /** The stream's length in bytes, once it {@linkplain #isEnded has ended}. */
    public long length() {
        return end;
    }

    /**
     * The stream, once it {@linkplain #isEnded has ended}; it begins at offset 0.
     *
     * @param surplus how many bytes follow it that are neither part of it nor zeros
     */
    public MigrationStream stream(long surplus) {
        return new MigrationStream(file, 0, end, surplus, facts(), description);
    }

    /** The part of the stream that could not be checked, or null if all of it was. */
    public StreamCheck.@Nullable Unchecked unchecked() {
        return walker.unchecked();
    }

    /** Whether the guest ran on while it was saved, once the stream has ended. */
    public boolean guestRanOn() {
        return walker.guestRanOn();
    }

    /** What the stream says about its machine, as far as it was read. */
    public StreamFacts facts() {
        VmDescription found = description;
        Map<String, Integer> devices = new LinkedHashMap<>();
        if (found != null) {
            found.devices().forEach(device -> devices.merge(device.name(), 1, Integer::sum));
        }
        return new StreamFacts(
                opening.version(),
                opening.machineType(),
                opening.targetPageSize(),
                opening.capabilities(),
                opening.ramBlocks(),
                found == null ? null : found.extent(),
                devices,
                timer.position() == 0
                        ? null
                        : TimerSection.parse(timer.duplicate().flip(), walker.timerVersion()));
    }

    private void walk() throws StateferryException {
        boolean moved = true;
        while (moved && end == SectionWalker.NONE) {
            moved = walker.isAtEnd() ? passTrailer() : walker.step();
        }
        if (end != SectionWalker.NONE) {
            in.skipAll(); // what follows is not part of it
        }
    }

    /** Passes what may follow the end mark; false if more bytes are needed. */
    private boolean passTrailer() throws StateferryException {
        if (text == null) {
            ByteBuffer head = in.peek(0, VmDescription.RECORD_HEAD_SIZE + 1);
            if (head.remaining() <= VmDescription.RECORD_HEAD_SIZE && !in.isLast()) {
                return false;
            }
            if (!VmDescription.isRecord(head)) {
                requireLastDevice();
                end = in.offset();
                return true;
            }
            textSize = head.remaining() > VmDescription.RECORD_HEAD_SIZE && head.get(head.limit() - 1) == '{'
                    ? Integer.toUnsignedLong(head.getInt(1))
                    : 0;
            if (textSize == 0) {
                throw in.invalid("the stream is cut off inside its vmdescription")
                        .advise(RESAVE);
            }
            in.advance(VmDescription.RECORD_HEAD_SIZE);
            textOffset = in.offset();
            text = new ByteArrayOutputStream();
        }
        return passText(text);
    }

    private boolean passText(ByteArrayOutputStream collected) throws StateferryException {
        ByteBuffer more = in.peek(0, (int) (textSize - collected.size()));
        byte[] bytes = new byte[more.remaining()];
        more.get(bytes);
        in.advance(bytes.length);
        collected.write(bytes, 0, bytes.length);
        if (collected.size() < textSize) {
            return false;
        }
        VmDescription found = new VmDescriptionParser(file, textOffset)
                .parse(ByteBuffer.wrap(collected.toByteArray()), new StreamFacts.Extent(textOffset, textSize));
        if (found.pageSize() != opening.targetPageSize() && !opening.ramBlocks().isEmpty()) {
            throw at(
                    textOffset,
                    "the vmdescription has pages of " + found.pageSize() + " bytes, the RAM records of "
                            + opening.targetPageSize());
        }
        description = found;
        end = found.end();
        return true;
    }

    /** A stream without a vmdescription whose last device is missing is cut off. */
    private void requireLastDevice() throws StateferryException {
        if (walker.configuration().isPresent() && !walker.hasGlobalState()) {
            throw in.invalid("the stream is cut off: it ends without the section '" + SectionWalker.GLOBAL_STATE + "'")
                    .advise(RESAVE);
        }
    }

    /** Keeps the payload of the device that has the clock. It never begins before the piece in which its head ended. */
    private void keepTimer(ByteBuffer piece, long start) {
        long payload = walker.timerOffset();
        if (payload == SectionWalker.NONE || !timer.hasRemaining()) {
            return;
        }
        long from = payload + timer.position() - start;
        if (from >= 0 && from < piece.remaining()) {
            int count = (int) Math.min(timer.remaining(), piece.remaining() - from);
            timer.put(piece.slice(piece.position() + (int) from, count));
        }
    }

    private void requireBounded(long accepted) throws StateferryException {
        if (accepted > lengthMax && end == SectionWalker.NONE) {
            throw StateferryException.at(
                            FailureKind.DUMP_UNFIT,
                            file,
                            lengthMax,
                            "the stream is longer than " + PASSES_MAX
                                    + " times its RAM and a GiB, so it is no saved state"
                                    + " that can be told from one made to fill the disk")
                    .advise("If it is one, write it to a file first, not compressed, and import that.");
        }
    }

    private StateferryException at(long offset, String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, file, offset, problem);
    }

    /**
     * Says of a failure's offset what it counts.
     *
     * @param offsets to follow the problem in parentheses; null if the offset is the file's own
     */
    public static StateferryException located(StateferryException e, Path file, @Nullable String offsets) {
        if (offsets == null || e.offset() < 0) {
            return e;
        }
        StateferryException located =
                StateferryException.at(e.kind(), file, e.offset(), e.problem() + " (" + offsets + ")");
        String advice = e.advice();
        return advice == null ? located : located.advise(advice);
    }

    /** What follows the end mark must be a vmdescription or, if no device is missing before it, zeros or nothing. */
    private final class EndMark implements SectionWalker.EndMark {
        @Override
        public int lookAhead() {
            return PADDING_PROBE_SIZE;
        }

        @Override
        public boolean isAt(long offset) {
            ByteBuffer following = in.peek((int) (offset + 1 - in.offset()), PADDING_PROBE_SIZE);
            if (VmDescription.isRecord(
                    following.slice(0, Math.min(following.limit(), VmDescription.RECORD_HEAD_SIZE + 1)))) {
                return true;
            }
            if (walker.configuration().isPresent() && !walker.hasGlobalState()) {
                return false;
            }
            while (following.hasRemaining()) {
                if (following.get() != 0) {
                    return false;
                }
            }
            return true;
        }
    }
}
