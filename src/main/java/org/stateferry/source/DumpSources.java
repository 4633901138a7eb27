package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamHead;
import org.stateferry.stream.VmDescription;

/** Opens dumps and detects their format. */
public final class DumpSources {
    private static final byte[] STREAM_MAGIC = {'Q', 'E', 'V', 'M'};
    private static final int BACKWARD_READ_SIZE = 1024 * 1024;

    private DumpSources() {}

    /**
     * Opens a dump read-only.
     *
     * @param dump the file
     * @param format its format, or {@link DumpFormat#AUTO} to detect it
     * @return the open dump; the caller closes it
     * @throws StateferryException {@code DUMP_MISSING}, {@code DUMP_INVALID} if the file is not a dump or is damaged,
     *     {@code DUMP_UNFIT} if no snapshot can load it
     */
    public static DumpSource open(Path dump, DumpFormat format) throws StateferryException {
        DumpFile file = DumpFile.open(dump);
        try {
            DumpFingerprint fingerprint = file.fingerprint();
            if (format == DumpFormat.OPAQUE) {
                return new OpenDump(file, fingerprint, null, List.of());
            }
            requirePlain(file, format);
            MigrationStream stream = readStream(file);
            return new OpenDump(file, fingerprint, stream, warnings(stream));
        } catch (StateferryException | RuntimeException | Error e) {
            closeAfter(file, e);
            throw e;
        }
    }

    private static void closeAfter(DumpFile file, Throwable failure) {
        try {
            file.close();
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    private static void requirePlain(DumpFile file, DumpFormat format) throws StateferryException {
        ByteBuffer prefix = file.read(0, (int) Math.min(file.size(), ForeignFormat.MAGIC_SIZE_MAX));
        if (isStream(prefix)) {
            return;
        }
        ForeignFormat foreign = ForeignFormat.of(prefix);
        if (foreign != null) {
            throw foreign.refuse(file.path());
        }
        StateferryException failure = format == DumpFormat.PLAIN
                ? StateferryException.at(
                        FailureKind.DUMP_INVALID,
                        file.path(),
                        0,
                        "not a plain QEMU migration stream: the magic QEVM is missing")
                : notRecognised(file.path());
        throw failure.advise("if the file is to be stored as it is, give --format opaque");
    }

    /** Whether these first bytes of a file are those of a migration stream. */
    static boolean isStream(ByteBuffer prefix) {
        return prefix.remaining() >= STREAM_MAGIC.length
                && prefix.slice(0, STREAM_MAGIC.length).equals(ByteBuffer.wrap(STREAM_MAGIC));
    }

    /** The failure for a file whose content is not recognised. */
    static StateferryException notRecognised(Path file) {
        return StateferryException.at(
                        FailureKind.DUMP_INVALID, file, 0, "not recognised as a saved state: the magic QEVM is missing")
                .advise("migration streams, libvirt save files and qcow2 images are");
    }

    private static MigrationStream readStream(DumpFile file) throws StateferryException {
        long unpadded = unpaddedLength(file);
        int tailSize = (int) Math.min(unpadded, VmDescription.TAIL_SIZE_MAX);
        ByteBuffer tail = file.read(unpadded - tailSize, tailSize);
        VmDescription vmDescription = VmDescription.find(file.path(), 0, tail, unpadded);
        // Without a vmdescription the stream itself ends with a zero byte, which looks like padding.
        long length = vmDescription == null ? file.size() : unpadded;
        ByteBuffer prefix = file.read(0, (int) Math.min(length, StreamHead.SIZE_MAX));
        StreamFacts facts = StreamHead.read(file.path(), 0, prefix, length, vmDescription);
        return new MigrationStream(file.path(), 0, length, facts, vmDescription);
    }

    /** The length of the file without zero bytes at its end, which programs leave that write whole blocks. */
    private static long unpaddedLength(DumpFile file) throws StateferryException {
        long end = file.size();
        while (end > 0) {
            int count = (int) Math.min(end, BACKWARD_READ_SIZE);
            ByteBuffer bytes = file.read(end - count, count);
            for (int at = count - 1; at >= 0; at--) {
                if (bytes.get(at) != 0) {
                    return end - count + at + 1;
                }
            }
            end -= count;
        }
        return 0;
    }

    private static List<String> warnings(MigrationStream stream) {
        List<String> warnings = new ArrayList<>();
        if (stream.vmDescription() == null) {
            warnings.add("the stream has no vmdescription, so it cannot be noticed if its device state is cut off");
        }
        return warnings;
    }
}
