package org.stateferry.batch;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.VmStateReader;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;

/**
 * Whether an image holds a snapshot of a name, and whether its vmstate is that of a dump. The image alone decides, byte
 * for byte: a repository may be lost, behind or ahead.
 *
 * @param entry the snapshot of that name, or null if there is none
 * @param sameVmState whether it holds exactly the dump's stream
 */
record SnapshotPresence(@Nullable SnapshotTableEntry entry, boolean sameVmState) {
    private static final int COMPARED_SIZE = 1024 * 1024;

    /** Looks for the snapshot that the session is to make. */
    static SnapshotPresence find(ImportSession session) throws StateferryException {
        Optional<SnapshotTableEntry> entry =
                session.image().snapshotTable().findByName(session.request().name());
        if (entry.isEmpty()) {
            return new SnapshotPresence(null, false);
        }
        return new SnapshotPresence(entry.get(), isSame(session, entry.get()));
    }

    boolean isAbsent() {
        return entry == null;
    }

    private static boolean isSame(ImportSession session, SnapshotTableEntry entry) throws StateferryException {
        DumpSource dump = session.dump();
        if (entry.vmStateSize() != dump.streamLength()) {
            return false;
        }
        VmStateReader vmState = new VmStateReader(session.image(), entry);
        ByteBuffer inDump = ByteBuffer.allocate(COMPARED_SIZE);
        ByteBuffer inImage = ByteBuffer.allocate(COMPARED_SIZE);
        try (PieceStream pieces = dump.pieces(0)) {
            for (long offset = 0; offset < dump.streamLength(); offset += inDump.limit()) {
                session.requireNotStopped();
                pieces.read(inDump.clear());
                vmState.read(inImage.clear().limit(inDump.position()), offset);
                if (!inDump.flip().equals(inImage.flip())) {
                    return false;
                }
            }
            return true;
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.IMAGE_UNSUPPORTED) {
                return false; // a vmstate in a form that an import never writes is not ours
            }
            throw e;
        }
    }
}
