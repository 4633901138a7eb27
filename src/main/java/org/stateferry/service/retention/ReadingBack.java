package org.stateferry.service.retention;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.StateChecksum;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Reads one snapshot's vmstate back and compares it with its checksum. It gives way to those who want to change the image, and later
 * goes on where it was. Memory is one piece, and the tables of {@link VmStateReader}. Not
 * thread-safe.
 */
final class ReadingBack {
    private final KeptSnapshot snapshot;
    private volatile StateChecksum.@Nullable Reading reading;
    private @Nullable StateChecksum read;
    private @Nullable String damage;

    /** How far a turn has come. */
    enum Turn {
        /** All was read, or what is wrong was found. */
        DONE,
        /** Somebody wants to change the image first. */
        GAVE_WAY,
        /** The image does not hold the snapshot any more. */
        ABSENT
    }

    ReadingBack(KeptSnapshot snapshot) {
        this.snapshot = snapshot;
    }

    KeptSnapshot snapshot() {
        return snapshot;
    }

    /** How many bytes were read; also asked by other threads, as news. */
    long position() {
        StateChecksum.Reading now = reading;
        return now == null ? 0 : now.position();
    }

    /** What is wrong with it, once it is done; null if nothing is. */
    @Nullable
    String damage() {
        return damage;
    }

    /** The checksum of what was read, or null if it could not be read. */
    @Nullable
    String checksum() {
        return read == null ? null : read.toString();
    }

    /**
     * Begins, or goes on.
     *
     * @param cancellation asked after every piece
     * @throws StateferryException if the image cannot be looked at, of kind IMAGE_IN_USE if somebody else has it; that says nothing
     *     of the snapshot
     */
    Turn goOn(Locking locking, Cancellation cancellation) throws StateferryException {
        MadeSnapshot state = snapshot.parts().get(0);
        try (OpenImage open = OpenImages.openForPatientReading(Path.of(state.image()), locking)) {
            Qcow2Image image = Qcow2Image.open(open.file());
            Optional<SnapshotTableEntry> entry =
                    KeptSnapshot.find(state, image.snapshotTable().entries());
            if (entry.isEmpty()) {
                return Turn.ABSENT;
            }
            if (!readAll(open, image, entry.get(), cancellation)) {
                return Turn.GAVE_WAY;
            }
        }
        if (damage == null) {
            damage = missingPart(locking);
        }
        return Turn.DONE;
    }

    /** Whether it came to its end. */
    private boolean readAll(OpenImage open, Qcow2Image image, SnapshotTableEntry entry, Cancellation cancellation)
            throws StateferryException {
        open.dropCached(); // what comes from memory proves nothing about the disk
        try {
            VmStateReader reader = new VmStateReader(image, entry);
            String recorded = snapshot.checksum();
            StateChecksum.Reading pieces = reading;
            if (pieces == null) {
                pieces = recorded == null
                        ? StateChecksum.Reading.of(reader, image.geometry().clusterSize())
                        : StateChecksum.Reading.of(StateChecksum.parse(recorded));
                reading = pieces;
            }
            while (!pieces.isComplete()) {
                cancellation.check();
                if (open.isWanted()) {
                    return false;
                }
                pieces.readNext(reader);
            }
            read = pieces.end();
            if (recorded != null && !recorded.equals(read.toString())) {
                damage = "its state does not read back as it was written";
            }
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.IMAGE_CORRUPT) {
                throw e;
            }
            damage = "its state cannot be read back: " + e.problem();
        }
        return true;
    }

    /** QEMU loads a state only if all of the guest's disks have their snapshots. */
    private @Nullable String missingPart(Locking locking) throws StateferryException {
        List<MadeSnapshot> others = snapshot.parts().subList(1, snapshot.parts().size());
        for (MadeSnapshot part : others) {
            try {
                if (KeptSnapshot.find(part, SnapshotDeletion.entries(part.image(), locking))
                        .isEmpty()) {
                    return "the snapshot that belongs to it is not in " + part.image() + " any more";
                }
            } catch (StateferryException e) {
                if (e.kind() != FailureKind.IMAGE_IN_USE) {
                    throw e;
                } // whoever uses the disk has it: nothing is known of its snapshots
            }
        }
        return null;
    }
}
