package org.stateferry.batch;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SnapshotPublisher;
import org.stateferry.qcow2.StagedSnapshot;
import org.stateferry.qcow2.VmStateMap;
import org.stateferry.transfer.Journal;

/**
 * Publishes the snapshot in the other disks that lack it. All of them are staged before the first is switched over, so that
 * what can go wrong goes wrong before, and only single sectors lie between the first disk's switch and the image's.
 */
final class OtherDiskPublisher {
    private final ImportSession session;
    private final String importKey;
    private final List<Staged> stagedDisks = new ArrayList<>();

    private record Staged(OtherDisk disk, Journal journal, StagedSnapshot snapshot) {}

    OtherDiskPublisher(ImportSession session, String importKey) {
        this.session = session;
        this.importKey = importKey;
    }

    /**
     * Writes and checks everything up to the switches.
     *
     * @param date the snapshots' time
     */
    void stage(Instant date) throws StateferryException {
        for (OtherDisk disk : session.otherDisks()) {
            if (disk.checked().isPresent()) {
                CheckReport report = disk.checked().get().report();
                Journal journal = disk.beginJournal(importKey);
                Qcow2Image image = disk.image().through(new JournaledImageFile(disk.file(), journal));
                SnapshotPublisher publisher = new SnapshotPublisher(
                        image, new ClusterAllocator(image, report), report, session::requireNotStopped);
                stagedDisks.add(new Staged(
                        disk,
                        journal,
                        publisher.stage(VmStateMap.NONE, session.request().name(), date)));
            }
        }
    }

    /** Switches one disk after the other over, in the order in which they were asked for. A stop is not heard here. */
    void switchOver() throws StateferryException {
        for (Staged staged : stagedDisks) {
            staged.disk.open().proveHeld();
        }
        for (Staged staged : stagedDisks) {
            staged.journal.recordIntent(IntendedSnapshot.announced(staged.snapshot));
            staged.disk.open().proveHeld();
            staged.snapshot.change().carryOut(new JournaledImageFile(staged.disk.file(), staged.journal));
        }
    }
}
