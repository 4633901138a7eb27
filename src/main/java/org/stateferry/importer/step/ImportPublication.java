package org.stateferry.importer.step;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.image.OtherDisk;
import org.stateferry.journal.IntendedSnapshot;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalVmStateMap;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SnapshotPublisher;
import org.stateferry.qcow2.StagedSwitch;
import org.stateferry.qcow2.VmStateMap;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;

/**
 * The last step of an import: proves that the vmstate is complete, stages the new image, and switches the header over; the same with the
 * other disks, if there are any. It believes the journal and the image, not that the transfer step is COMPLETED.
 */
public final class ImportPublication {
    private final ImportSession session;
    private final String importKey;
    private final Executor executor;

    /**
     * A snapshot that is staged in one of the images, and what is left to do until it is published.
     *
     * @param open the image, locked
     * @param file its file as the import is to see it
     * @param journal its journal, which does not announce the switch yet
     * @param snapshot what was staged
     */
    private record PendingSwitch(OpenImage open, ImageFile file, Journal journal, StagedSwitch snapshot) {}

    /**
     * @param executor reads back what was written, if that is asked for
     */
    public ImportPublication(ImportSession session, ImportIdentity identity, Executor executor) {
        this.session = session;
        this.executor = executor;
        this.importKey = JournalFiles.importKey(identity);
    }

    /** The image with the vmstate comes last: before that, all of it can be taken back. */
    public void publish() throws StateferryException {
        Instant date = Instant.now();
        StagedSwitch staged = session.published() == null ? stage(plan(), date) : null;
        List<PendingSwitch> switches = stageOtherDisks(date);
        if (staged != null) {
            switches.add(new PendingSwitch(session.openImage(), session.image().file(), plan().journal(), staged));
        }
        // The last moment for a stop: from here on there is little left to do.
        session.requireNotStopped();
        carryOut(switches);
        if (staged != null) {
            session.published(staged.snapshot());
        }
        session.target().complete();
        session.finishJournals(importKey);
    }

    private ImportPlan plan() {
        return Objects.requireNonNull(session.plan(), "prepare has planned what is not published");
    }

    private StagedSwitch stage(ImportPlan plan, Instant date) throws StateferryException {
        Journal journal = plan.journal();
        JournalVmStateMap vmState = new JournalVmStateMap(journal);
        session.dump().requireUnchanged();
        if (session.request().options().verify()) {
            verify(vmState);
        }
        Qcow2Image image =
                session.image().through(new JournaledImageFile(session.image().file(), journal));
        SnapshotPublisher publisher =
                new SnapshotPublisher(image, plan.allocator(), plan.report(), session::requireNotStopped);
        return publisher.stage(vmState, session.request().name(), date);
    }

    /**
     * Writes and checks everything up to the switches; all of them are staged before the first is carried out, so that what
     * can go wrong goes wrong before.
     *
     * @param date the snapshots' time
     * @return the switches in the order in which the disks were asked for
     */
    private List<PendingSwitch> stageOtherDisks(Instant date) throws StateferryException {
        List<PendingSwitch> switches = new ArrayList<>();
        for (OtherDisk disk : session.otherDisks()) {
            if (disk.checked().isPresent()) {
                CheckReport report = disk.checked().get().report();
                Journal journal = disk.beginJournal(importKey);
                Qcow2Image image = disk.image().through(new JournaledImageFile(disk.file(), journal));
                SnapshotPublisher publisher = new SnapshotPublisher(
                        image, new ClusterAllocator(image, report), report, session::requireNotStopped);
                StagedSwitch staged =
                        publisher.stage(VmStateMap.NONE, session.request().name(), date);
                switches.add(new PendingSwitch(disk.open(), disk.file(), journal, staged));
            }
        }
        return switches;
    }

    /**
     * Switches one image after the other over. All switches are announced before the first is carried out, so that a
     * journal for which there is no room is no reason to stop between two of them; between them there are only writes in
     * place. What is announced and not carried out does no harm: the image decides, see {@link IntendedSnapshot}.
     */
    private static void carryOut(List<PendingSwitch> switches) throws StateferryException {
        for (PendingSwitch pending : switches) {
            pending.open.proveHeld();
        }
        for (PendingSwitch pending : switches) {
            pending.journal.recordIntent(IntendedSnapshot.announced(pending.snapshot));
        }
        for (PendingSwitch pending : switches) {
            // What the new header describes is only true if nobody else could write since prepare.
            pending.open.proveHeld();
            pending.snapshot.carryOut(new JournaledImageFile(pending.file, pending.journal));
        }
    }

    /**
     * Reads every buffer back, through the page cache; what comes must have the checksum of what was written. What was
     * written directly, or has the dump's blocks, is not in the page cache, so the disk returns it. What was written
     * through the page cache is still there as a rule: then nothing is proven about the disk.
     */
    private void verify(JournalVmStateMap vmState) throws StateferryException {
        Journal journal = vmState.journal();
        try (BufferProofs proofs = new BufferProofs(session.image(), journal, executor)) {
            for (long index = 0; index < journal.plan().bufferCount(); index++) {
                session.requireNotStopped();
                Optional<BufferProofs.Proof> proof = proofs.next();
                if (proof.isEmpty()) {
                    throw JournalVmStateMap.incomplete(index);
                }
                if (!proof.get().isIntact()) {
                    throw StateferryException.in(
                                    FailureKind.VERIFICATION,
                                    session.openImage().path(),
                                    "the vmstate reads back other than it was written, from its byte "
                                            + index * journal.plan().bufferSize() + " on")
                            .advise("Distrust the disk, or the memory; nothing was switched over.");
                }
            }
        }
    }
}
