package org.stateferry.importer.step;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFacts.VmClock;

/**
 * The snapshot of a disk alone that an import gives its state to. Its disk is the one that was there when it was made, whatever a
 * guest has written since.
 */
final class DiskOnlySnapshot {
    private static final String SHOWN = "stateferry snapshot list shows those that are there";

    private DiskOnlySnapshot() {}

    /**
     * Finds it in an image.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFLICT} if there is none of that name, if several have it, or
     *     if it has a state
     */
    static SnapshotTableEntry in(Qcow2Image image, String name) throws StateferryException {
        List<SnapshotTableEntry> found = image.snapshotTable().entries().stream()
                .filter(entry -> entry.hasName(name))
                .toList();
        if (found.isEmpty()) {
            Optional<SnapshotTableEntry> sameId = image.snapshotTable().findById(name);
            throw conflict(image, "there is no snapshot named \"" + name + "\" that could be given the state")
                    .advise(
                            sameId.isPresent()
                                    ? "There is one with that id: give its name, \""
                                            + sameId.get().nameText() + "\"."
                                    : "Make a new one with --name; " + SHOWN + ".");
        }
        if (found.size() > 1) {
            throw conflict(image, found.size() + " snapshots are named \"" + name + "\"")
                    .advise("Give the others another name first, with stateferry snapshot rename --id "
                            + image.file().path() + " ID NEW; " + SHOWN + ".");
        }
        SnapshotTableEntry entry = found.get(0);
        if (entry.vmStateSize() != 0) {
            throw conflict(image, "the snapshot \"" + name + "\" has a state already, which holds something else")
                    .advise("Give one of the disk alone, or make a new one with --name; " + SHOWN + ".");
        }
        return entry;
    }

    /**
     * Finds it in the image that gets the state.
     *
     * @throws StateferryException as {@link #in}; also if the disk has had another size since, as the state lies behind the disk
     */
    static SnapshotTableEntry forState(Qcow2Image image, String name) throws StateferryException {
        SnapshotTableEntry entry = in(image, name);
        long now = image.header().size();
        long then = entry.diskSize(now);
        if (then != now) {
            throw conflict(
                            image,
                            "the snapshot \"" + name + "\" is of a disk of " + then + " bytes, and the disk has " + now
                                    + " now")
                    .advise(
                            "Copy the snapshot into an image of its own, and import into that with --name: qemu-img convert -l"
                                    + " snapshot.id=" + entry.idText() + " -O qcow2 "
                                    + image.file().path() + " COPY.qcow2");
        }
        return entry;
    }

    /** What is known about whether snapshot and state are of one moment of the guest. */
    record Moment(boolean isAnother, String text) {}

    /**
     * Compares the guest's clock in snapshot and dump. QEMU's own commands for snapshots of disks record it; a guest that was
     * stopped for both has one time in both. {@code qemu-img snapshot -c} knows no clock and records 0.
     *
     * @return null if they are of one moment
     */
    static @Nullable Moment compare(
            SnapshotTableEntry snapshot, @Nullable StreamFacts facts, Path dump, Instant dumpModified) {
        String name = "the snapshot \"" + snapshot.nameText() + "\"";
        VmClock clock = facts == null ? null : facts.clock();
        if (snapshot.vmClockNanos() == 0 || clock == null || clock.icount() != VmClock.Icount.OFF) {
            Instant made = Instant.ofEpochSecond(snapshot.dateSeconds());
            return new Moment(
                    false,
                    name + " was made at " + made + ", the dump " + dump + " at " + dumpModified
                            + ": they belong together only if the guest was stopped from the first of them to the second");
        }
        return clock.nanos() == snapshot.vmClockNanos()
                ? null
                : new Moment(
                        true,
                        name + " was made when the guest's clock was at " + snapshot.vmClockNanos()
                                + " ns, the dump at " + clock.nanos() + " ns: they are not of one moment of the guest");
    }

    private static StateferryException conflict(Qcow2Image image, String problem) {
        return StateferryException.in(FailureKind.CONFLICT, image.file().path(), problem);
    }
}
