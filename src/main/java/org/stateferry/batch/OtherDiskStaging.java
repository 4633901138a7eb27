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

/** Stages the snapshot in the other disks that lack it. */
final class OtherDiskStaging {
    private OtherDiskStaging() {}

    /**
     * Writes and checks everything up to the switches; all of them are staged before the first is carried out, so that what
     * can go wrong goes wrong before.
     *
     * @param date the snapshots' time
     * @return the switches in the order in which the disks were asked for
     */
    static List<PendingSwitch> stage(ImportSession session, String importKey, Instant date) throws StateferryException {
        List<PendingSwitch> switches = new ArrayList<>();
        for (OtherDisk disk : session.otherDisks()) {
            if (disk.checked().isPresent()) {
                CheckReport report = disk.checked().get().report();
                Journal journal = disk.beginJournal(importKey);
                Qcow2Image image = disk.image().through(new JournaledImageFile(disk.file(), journal));
                SnapshotPublisher publisher = new SnapshotPublisher(
                        image, new ClusterAllocator(image, report), report, session::requireNotStopped);
                StagedSnapshot staged =
                        publisher.stage(VmStateMap.NONE, session.request().name(), date);
                switches.add(new PendingSwitch(disk.open(), disk.file(), journal, staged));
            }
        }
        return switches;
    }
}
