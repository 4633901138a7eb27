package org.stateferry.stream;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Checks a QEMU migration stream: header, configuration, section headers and footers, every RAM record, and that the
 * stream ends where it should. QEMU refuses to load what is refused here, or, worse, loads it although it is
 * incomplete.
 *
 * <p>The contents of pages and devices are not looked at. Offsets in failures are file offsets. Not thread-safe.
 */
public final class StreamChecker implements StreamCheck {
    private static final int STATE_FORMAT = 2;
    private static final int STATE_SIZE_MAX = 64 * 1024;

    private final MigrationStream stream;
    private final ElementInput in;
    private final SectionWalker walker;
    private final PieceElements elements;
    private int lastByte = -1;

    /** Creates a check that begins at the first byte of the stream. */
    public StreamChecker(MigrationStream stream) {
        this.stream = stream;
        in = new ElementInput(stream.file(), stream.fileOffset());
        elements = new PieceElements(in);
        VmDescription description = stream.vmDescription();
        walker = new SectionWalker(
                in,
                stream.facts().targetPageSize(),
                description == null ? null : new DescribedSections(in, description),
                offset -> offset == stream.length() - 1);
        walker.ram().mapped(stream.facts().isMapped());
    }

    /**
     * Creates a check that continues where another one was saved.
     *
     * @param stream what the saved check was created with
     * @param state what its {@link #save} returned
     */
    public static StreamChecker restore(MigrationStream stream, byte[] state) throws StateferryException {
        StreamChecker checker = new StreamChecker(stream);
        try {
            checker.load(state);
            return checker;
        } catch (IOException | IndexOutOfBoundsException | IllegalArgumentException e) {
            throw StateferryException.of(FailureKind.REPOSITORY, "the saved state of the stream's check is damaged")
                    .advise(
                            "Give the import up with stateferry abandon, then run it again; stateferry history lists it.")
                    .causedBy(e);
        }
    }

    @Override
    public void accept(ByteBuffer piece) throws StateferryException {
        if (piece.hasRemaining()) {
            lastByte = piece.get(piece.limit() - 1);
            elements.accept(piece, this::walk);
        }
    }

    private void walk() throws StateferryException {
        boolean moved = true;
        while (moved) {
            moved = walker.step(); // passes one element
        }
    }

    @Override
    public void finish() throws StateferryException {
        long accepted = elements.accepted();
        if (accepted < stream.length()) {
            throw at(accepted, "the stream is cut off: " + stream.length() + " bytes were expected");
        }
        walker.finish();
        boolean endsInZero = lastByte == SectionType.EOF.code();
        if (stream.vmDescription() == null && !endsInZero) {
            throw at(accepted - 1, "the stream is cut off: its last byte is not the end mark")
                    .advise("save the state again");
        }
    }

    private StateferryException at(long offset, String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, stream.file(), stream.fileOffset() + offset, problem);
    }

    @Override
    public @Nullable Unchecked unchecked() {
        return walker.unchecked();
    }

    @Override
    public boolean guestRanOn() {
        return walker.guestRanOn();
    }

    @Override
    public byte[] save() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(STATE_FORMAT);
            out.writeLong(stream.length());
            out.writeLong(in.offset());
            out.writeLong(in.pendingSkip());
            out.writeInt(lastByte);
            elements.save(out);
            walker.save(out);
            out.writeLong(checksum(bytes.toByteArray(), bytes.size()));
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory failed", e);
        }
        return bytes.toByteArray();
    }

    private void load(byte[] state) throws IOException {
        int size = state.length - Long.BYTES;
        if (size < 0
                || state.length > STATE_SIZE_MAX
                || ByteBuffer.wrap(state).getLong(size) != checksum(state, size)) {
            throw new IOException("checksum mismatch");
        }
        DataInputStream saved = new DataInputStream(new ByteArrayInputStream(Arrays.copyOf(state, size)));
        if (saved.readByte() != STATE_FORMAT || saved.readLong() != stream.length()) {
            throw new IOException("saved for another stream");
        }
        in.resume(saved.readLong(), saved.readLong());
        lastByte = saved.readInt();
        elements.restore(saved);
        walker.restore(saved, stream.facts().ramBlocks());
    }

    private static long checksum(byte[] bytes, int size) {
        CRC32 crc = new CRC32();
        crc.update(bytes, 0, size);
        return crc.getValue();
    }
}
