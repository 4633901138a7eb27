package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;

/**
 * Whether an image holds a snapshot of a name, and whether its vmstate is that of a dump. The image alone decides, byte
 * for byte: a repository may be lost, behind or ahead.
 *
 * @param entry the snapshot of that name, or null if there is none
 * @param sameVmState whether it holds exactly the dump's stream
 */
public record SnapshotPresence(@Nullable SnapshotTableEntry entry, boolean sameVmState) {
    private static final int COMPARED_SIZE = 1024 * 1024;

    /** Looks for the snapshot that an import is to make. */
    static SnapshotPresence find(OpenImport subject, Qcow2Image image) throws StateferryException {
        Optional<SnapshotTableEntry> entry =
                image.snapshotTable().findByName(subject.request().name());
        if (entry.isEmpty()) {
            return new SnapshotPresence(null, false);
        }
        return new SnapshotPresence(entry.get(), isSame(subject, image, entry.get()));
    }

    private static boolean isSame(OpenImport subject, Qcow2Image image, SnapshotTableEntry entry)
            throws StateferryException {
        DumpSource dump = subject.dump();
        if (dump.access() == DumpSource.Access.ONCE
                || entry.vmStateSize() != dump.streamLength().orElse(entry.vmStateSize())) {
            return false; // what comes through a pipe now was never imported
        }
        VmStateReader vmState = new VmStateReader(image, entry);
        ByteBuffer inDump = ByteBuffer.allocate(COMPARED_SIZE);
        ByteBuffer inImage = ByteBuffer.allocate(COMPARED_SIZE);
        try (PieceStream pieces = dump.pieces(0)) {
            long offset = 0;
            while (pieces.read(inDump.clear()) > 0) {
                subject.requireNotStopped();
                inDump.flip();
                if (inDump.limit() > entry.vmStateSize() - offset) {
                    return false;
                }
                vmState.read(inImage.clear().limit(inDump.limit()), offset);
                if (!inDump.equals(inImage.flip())) {
                    return false;
                }
                offset += inDump.limit();
            }
            return offset == entry.vmStateSize();
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.IMAGE_UNSUPPORTED) {
                return false; // a vmstate in a form that an import never writes is not ours
            }
            throw e;
        }
    }
}
