package org.stateferry.source;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.source.DumpForm.Container;
import org.stateferry.source.codec.SequentialBytes;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFollower;
import org.stateferry.stream.StreamOpening;

/**
 * A dump whose stream can only be read from its first byte to its last: compressed, or from a pipe. Its machine is known from
 * the first {@link StreamOpening#SIZE_MAX} bytes. The stream is checked by whoever yields the pieces, so its {@link #checker}
 * has nothing left to check.
 */
final class SequentialDump implements DumpSource {
    private final Input input;
    private final DumpForm form;
    private final @Nullable String offsets;
    private final DumpFingerprint fingerprint;
    private final @Nullable StreamFacts facts;
    /** What has been read of a pipe, and what follows; null for what can be read again, and after the first pieces. */
    private @Nullable Begun begun;

    private record Begun(ByteBuffer prefix, SequentialBytes rest) {}

    /** Where the stream's bytes come from. */
    interface Input extends Closeable {
        Path path();

        Instant modified();

        FileStatus status();

        /** The stream from its first byte on; the caller closes it. */
        SequentialBytes begin() throws StateferryException;

        /** Whether {@link #begin} may be called more than once. */
        boolean isRepeatable();

        /** The fingerprint; of a pipe, made of its first bytes. */
        DumpFingerprint fingerprint(ByteBuffer prefix) throws StateferryException;

        /** @param before the fingerprint that was taken at first */
        void requireUnchanged(DumpFingerprint before) throws StateferryException;

        /** Ends a reading that waits for input. */
        void cancel() throws StateferryException;

        @Override
        void close() throws StateferryException;
    }

    private SequentialDump(
            Input input,
            DumpForm form,
            @Nullable String offsets,
            DumpFingerprint fingerprint,
            @Nullable StreamFacts facts,
            @Nullable Begun begun) {
        this.input = input;
        this.form = form;
        this.offsets = offsets;
        this.fingerprint = fingerprint;
        this.facts = facts;
        this.begun = begun;
    }

    /**
     * Reads the beginning of the stream.
     *
     * @param input closed with the source; the caller closes it if this fails
     * @throws StateferryException if there is no stream, or none that a snapshot can load
     */
    static SequentialDump open(Input input, DumpLayout layout) throws StateferryException {
        SequentialBytes bytes = input.begin();
        boolean kept = false;
        try {
            ByteBuffer prefix = ByteBuffer.allocateDirect(StreamOpening.SIZE_MAX);
            bytes.read(prefix);
            prefix.flip();
            StreamFacts facts = layout.container() == Container.OPAQUE ? null : facts(input, layout, prefix);
            kept = !input.isRepeatable();
            return new SequentialDump(
                    input,
                    layout.form(kept),
                    layout.offsets(),
                    input.fingerprint(prefix),
                    facts,
                    kept ? new Begun(prefix, bytes) : null);
        } finally {
            if (!kept) {
                bytes.close();
            }
        }
    }

    /** What the beginning of a stream says. */
    static StreamFacts facts(Input input, DumpLayout layout, ByteBuffer prefix) throws StateferryException {
        Path path = input.path();
        if (!DumpLayout.isStream(prefix)) {
            throw noStream(input, layout, prefix);
        }
        StreamOpening opening = StreamOpening.read(path, layout.offsets(), prefix);
        StateferryException obstacle = opening.obstacle();
        if (obstacle != null) {
            throw obstacle;
        }
        return opening.facts();
    }

    /** How to make a file of what comes here. */
    private static String asAFile(DumpLayout layout, boolean pipe) {
        if (layout.codec() == null) {
            return "Save the data from the pipe in a file (cat >STATE)";
        }
        boolean first = layout.streamOffset() == 0;
        String file = pipe ? "" : " FILE";
        String decode = layout.codec().label() + " -dc";
        String command = first ? decode + file : "tail -c +" + (layout.streamOffset() + 1) + file + " | " + decode;
        return (pipe ? "Save the data from the pipe in a file, decompressed (" : "Decompress it first (") + command
                + " >STATE)";
    }

    private static StateferryException noStream(Input input, DumpLayout layout, ByteBuffer prefix) {
        ForeignFormat foreign = ForeignFormat.of(prefix);
        if (foreign == ForeignFormat.LIBVIRT_SAVE) {
            return StateferryException.at(
                            FailureKind.DUMP_UNFIT,
                            input.path(),
                            layout.streamOffset(),
                            "a libvirt save file that was compressed as a whole, from outside"
                                    + (layout.codec() == null
                                            ? ""
                                            : " (" + layout.codec().label() + ")"))
                    .advise(asAFile(layout, !input.isRepeatable()) + " and import that file.");
        }
        String what = prefix.hasRemaining()
                ? foreign == null ? "not a QEMU migration stream" : foreign.description()
                : "nothing";
        return StateferryException.at(
                        FailureKind.DUMP_INVALID,
                        input.path(),
                        layout.streamOffset(),
                        "what is compressed here is " + what)
                .advise(
                        foreign == null
                                ? "give a file that QEMU's migrate has written, compressed or not"
                                : asAFile(layout, !input.isRepeatable()) + " and see what can be done with that file.");
    }

    /** The fingerprint of a pipe that has begun with these bytes: never the same. */
    static DumpFingerprint pipeFingerprint(Instant opened, ByteBuffer prefix) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            sha256.update(prefix.slice(0, Math.min(prefix.limit(), DumpFingerprint.PROBE_SIZE)));
            UUID unique = UUID.randomUUID();
            sha256.update(ByteBuffer.allocate(2 * Long.BYTES)
                    .putLong(unique.getMostSignificantBits())
                    .putLong(unique.getLeastSignificantBits())
                    .flip());
            return DumpFingerprint.ofPipe(opened, sha256.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    @Override
    public Path path() {
        return input.path();
    }

    @Override
    public DumpForm form() {
        return form;
    }

    @Override
    public Access access() {
        return form.pipe() ? Access.ONCE : Access.SEQUENTIAL;
    }

    @Override
    public OptionalLong streamLength() {
        return OptionalLong.empty();
    }

    @Override
    public long expectedLength() {
        return facts == null
                ? 0
                : facts.ramBlocks().stream()
                        .mapToLong(block -> block.usedLength())
                        .sum();
    }

    @Override
    public DumpFingerprint fingerprint() {
        return fingerprint;
    }

    @Override
    public Instant modified() {
        return input.modified();
    }

    @Override
    public @Nullable StreamFacts facts() {
        return facts;
    }

    @Override
    public List<String> warnings() {
        return List.of();
    }

    @Override
    public void requireSound() {
        // What there is to know is known at the end.
    }

    @Override
    public PieceStream pieces(long fromOffset) throws StateferryException {
        // Where pages lie at fixed places, what follows them is known only when the bitmaps are.
        StreamFollower follower = facts == null || facts.isMapped() ? null : new StreamFollower(path(), facts, offsets);
        if (input.isRepeatable()) {
            return new FollowedPieces(ByteBuffer.allocate(0), input.begin(), follower, fromOffset, input::cancel);
        }
        Begun once = begun;
        if (once == null) {
            throw new IllegalStateException("a pipe can be read only once");
        }
        begun = null;
        return new FollowedPieces(once.prefix(), once.rest(), follower, fromOffset, input::cancel);
    }

    @Override
    public Optional<Extent> extent() {
        return Optional.empty();
    }

    @Override
    public FileStatus status() {
        return input.status();
    }

    @Override
    public StreamCheck checker() {
        return NoCheck.INSTANCE;
    }

    @Override
    public StreamCheck restoreChecker(byte[] state) {
        return NoCheck.INSTANCE;
    }

    @Override
    public void requireUnchanged() throws StateferryException {
        input.requireUnchanged(fingerprint);
    }

    @Override
    public void close() throws StateferryException {
        Begun left = begun;
        begun = null;
        try {
            if (left != null) {
                left.rest().close();
            }
        } finally {
            input.close();
        }
    }
}
