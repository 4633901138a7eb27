package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamSurvey;

/** Opens dumps and detects their format. */
public final class DumpSources {
    private static final byte[] STREAM_MAGIC = {'Q', 'E', 'V', 'M'};
    /** Files up to this size in bytes are read through, which takes no more than some ten milliseconds. */
    private static final long MEASURED_SIZE_MAX = 128L * 1024 * 1024;

    private static final String GIVE_A_STATE = "give a file that QEMU's migrate has written";

    private DumpSources() {}

    /** Opens a dump read-only; see {@link #open(Path, DumpFormat, OpenMonitor)}. */
    public static DumpSource open(Path dump, DumpFormat format) throws StateferryException {
        return open(dump, format, OpenMonitor.NONE);
    }

    /**
     * Opens a dump read-only.
     *
     * @param dump the file
     * <p>The sections of a stream are followed to find its end, unless the dump is large and ends with a vmdescription.
     *
     * @param format its format, or {@link DumpFormat#AUTO} to detect it
     * @param monitor can end the opening, which takes as long as reading the dump once
     * @return the open dump; the caller closes it
     * @throws StateferryException {@code DUMP_MISSING}, {@code DUMP_INVALID} if the file is not a dump,
     *     {@code DUMP_UNFIT} if no snapshot can load it
     */
    public static DumpSource open(Path dump, DumpFormat format, OpenMonitor monitor) throws StateferryException {
        DumpFile file = DumpFile.open(dump);
        try {
            if (format == DumpFormat.OPAQUE) {
                return new OpenDump(file, file.fingerprint(file.size()), null, headFacts(file), null, List.of());
            }
            requirePlain(file, format);
            StreamSurvey.Effort effort = new StreamSurvey.Effort(isEndTrusted(file), Long.MAX_VALUE);
            StreamSurvey.Result found = StreamSurvey.run(new MonitoredFile(file, monitor), 0, effort);
            if (found.obstacle() != null) {
                throw found.obstacle();
            }
            MigrationStream stream = found.stream();
            return new OpenDump(
                    file,
                    file.fingerprint(stream.length()),
                    stream,
                    stream.facts(),
                    found.damage(),
                    warnings(stream, file));
        } catch (StateferryException | RuntimeException | Error e) {
            closeAfter(file, e);
            throw e;
        }
    }

    /** Whether a vmdescription at the end of a file is taken for that of the stream without following the sections to it. */
    static boolean isEndTrusted(DumpFile file) {
        return file.size() > MEASURED_SIZE_MAX && !file.isBlockDevice();
    }

    /** What an opaque dump says about its machine if it begins as a stream does; its end is not searched. */
    private static @Nullable StreamFacts headFacts(DumpFile file) throws StateferryException {
        ByteBuffer magic = file.read(0, (int) Math.min(file.size(), STREAM_MAGIC.length));
        return isStream(magic)
                ? StreamSurvey.run(file, 0, new StreamSurvey.Effort(true, 0)).stream()
                        .facts()
                : null;
    }

    private static void closeAfter(DumpFile file, Throwable failure) {
        try {
            file.close();
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    private static void requirePlain(DumpFile file, DumpFormat format) throws StateferryException {
        ByteBuffer head = file.read(0, (int) Math.min(file.size(), ForeignFormat.HEAD_SIZE));
        if (isStream(head)) {
            return;
        }
        ForeignFormat foreign = ForeignFormat.of(head);
        if (foreign != null) {
            throw foreign.refuse(file.path());
        }
        throw format == DumpFormat.PLAIN
                ? StateferryException.at(
                                FailureKind.DUMP_INVALID,
                                file.path(),
                                0,
                                "not a plain QEMU migration stream: the magic QEVM is missing")
                        .advise(GIVE_A_STATE)
                : notRecognised(file.path());
    }

    /** Whether these first bytes of a file are those of a migration stream. */
    static boolean isStream(ByteBuffer prefix) {
        return prefix.remaining() >= STREAM_MAGIC.length
                && prefix.slice(0, STREAM_MAGIC.length).equals(ByteBuffer.wrap(STREAM_MAGIC));
    }

    /** The failure for a file whose content is not recognised. */
    static StateferryException notRecognised(Path file) {
        return StateferryException.at(
                        FailureKind.DUMP_INVALID,
                        file,
                        0,
                        "not a saved state: it begins neither as a QEMU migration stream nor as any other format that is known")
                .advise(GIVE_A_STATE);
    }

    private static List<String> warnings(MigrationStream stream, DumpFile file) {
        List<String> warnings = new ArrayList<>();
        if (stream.vmDescription() == null) {
            warnings.add("the stream has no vmdescription, so not all damage to its device state can be noticed");
        }
        if (stream.surplus() > 0) {
            warnings.add("the stream ends at byte " + stream.length() + " of " + file.path() + ": the "
                    + stream.surplus() + " bytes behind it are not part of it and are left out");
        }
        return warnings;
    }
}
