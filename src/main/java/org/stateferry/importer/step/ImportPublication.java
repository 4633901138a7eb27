package org.stateferry.importer.step;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.image.OtherDisk;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalVmStateMap;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.journal.PublishIntent;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SnapshotPublisher;
import org.stateferry.qcow2.SnapshotTime;
import org.stateferry.qcow2.StagedSwitch;
import org.stateferry.qcow2.SwitchStage;
import org.stateferry.qcow2.VmStateMap;
import org.stateferry.qcow2.vmstate.StateChecksum;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFacts.VmClock;

/**
 * The last step of an import: makes what was transferred a snapshot of its images. It believes the journal and the images,
 * not that the transfer step is COMPLETED.
 */
public final class ImportPublication {
    private final ImportSession session;
    private final String importKey;
    private final Executor executor;

    /**
     * @param executor reads back what was written, if that is asked for
     */
    public ImportPublication(ImportSession session, ImportIdentity identity, Executor executor) {
        this.session = session;
        this.executor = executor;
        this.importKey = JournalFiles.importKey(identity);
    }

    /**
     * Publishes in all images that lack the snapshot. Up to step 7 every image is the old one, whatever happens: a failure leaves
     * nothing but unreferenced clusters.
     *
     * @throws StateferryException of kind {@link FailureKind#INTERRUPTED} if the import was stopped before step 6
     */
    public void publish() throws StateferryException {
        // 1. Prove that the vmstate is complete: the dump is still the one that was read, and with --verify
        //    every buffer reads back as it was written. Step 2 needs the record of each buffer, so none is
        //    missing.
        boolean vmStateIsMissing = session.published() == null;
        if (vmStateIsMissing) {
            proveVmState();
        }

        // 2. Write the new tables of each image into free clusters, which the old image does not reach. Needs
        //    nothing to be stable. From here on the image that gets the vmstate comes last: until its switch,
        //    everything can be taken back.
        SnapshotTime time = savedAt();
        List<Publication> images = new ArrayList<>();
        for (OtherDisk disk : session.otherDisks()) {
            if (disk.checked().isPresent()) {
                images.add(writeTables(disk, time));
            }
        }
        if (vmStateIsMissing) {
            images.add(writeTables(plan(), time));
        }

        // 3. Force. A new header leads to all that was written so far, the vmstate's data included.
        for (Publication image : images) {
            image.tables.force();
        }

        // 4. Check each new image as a whole, through the header that it will have. Needs step 3: what is read
        //    is what is on stable storage. Nothing is written. If a program without locks has cut the image,
        //    and later writes have made it longer again, there is a hole where the data was.
        for (Publication image : images) {
            image.change = image.tables.check();
            image.length = image.file.size();
        }
        if (vmStateIsMissing) {
            session.checksum(checksum(plan().journal()));
            DataPresence.require(session, plan().journal(), executor);
        }

        // 5. The last moment for a stop, and to find out that somebody else may have written since prepare:
        //    then what was checked in step 4 need not be true.
        session.requireNotStopped();
        for (Publication image : images) {
            image.open.proveAlone();
        }

        // 6. Announce every switch in its image's journal, and force that. All before the first switch: a full
        //    disk must not stop the import between two of them. A switch that is announced and not carried out
        //    does no harm, as the image decides.
        for (Publication image : images) {
            image.journal.recordIntent(PublishIntent.of(image.change()));
        }

        // 7. Switch: one write inside the header's first sector, a force, and the sector read again. Needs steps
        //    3 and 6 on stable storage, and nobody else at the image: that is proven once more just before.
        for (Publication image : images) {
            image.open.proveAlone();
            image.open.requireNotCut(image.length);
            image.change().carryOut(image.file);
        }
        if (vmStateIsMissing) {
            session.published(images.get(images.size() - 1).change().snapshot());
        }

        // 8. Give a new image its name. Needs step 7: an incomplete image never has the name.
        session.target().complete();

        // 9. End the journals. Needs steps 7 and 8 on stable storage: nothing is left to be continued or taken back.
        session.finishJournals(importKey);
    }

    /** One image on its way to its switch. */
    private static final class Publication {
        final OpenImage open;
        /** The file as the import is to see it, with its writes recorded in the journal. */
        final ImageFile file;

        final Journal journal;
        final SwitchStage tables;

        @Nullable
        StagedSwitch change;
        /** How long the file is with the new tables, in bytes. */
        long length;

        Publication(OpenImage open, ImageFile file, Journal journal, SwitchStage tables) {
            this.open = open;
            this.file = file;
            this.journal = journal;
            this.tables = tables;
        }

        StagedSwitch change() {
            return Objects.requireNonNull(change, "checked before it is announced and carried out");
        }
    }

    private Publication writeTables(OtherDisk disk, SnapshotTime time) throws StateferryException {
        CheckReport report = disk.checked().orElseThrow().report();
        Journal journal = disk.beginJournal(importKey);
        ImageFile file = new JournaledImageFile(disk.file(), journal);
        Qcow2Image image = disk.image().through(file);
        return new Publication(
                disk.open(),
                file,
                journal,
                publisher(image, new ClusterAllocator(image, report), report)
                        .write(VmStateMap.NONE, session.request().name(), time));
    }

    private Publication writeTables(ImportPlan plan, SnapshotTime time) throws StateferryException {
        Journal journal = plan.journal();
        ImageFile file = new JournaledImageFile(session.image().file(), journal);
        SnapshotPublisher publisher = publisher(session.image().through(file), plan.allocator(), plan.report());
        VmStateMap vmState = new JournalVmStateMap(journal);
        String name = session.request().name();
        return new Publication(
                session.openImage(),
                file,
                journal,
                session.request().into()
                        ? publisher.complete(
                                DiskOnlySnapshot.forState(session.image(), name), vmState, time.vmClockNanos())
                        : publisher.write(vmState, name, time));
    }

    private SnapshotTime savedAt() {
        StreamFacts facts = session.facts();
        VmClock clock = facts == null ? null : facts.clock();
        return new SnapshotTime(session.dump().modified(), clock == null ? 0 : Math.max(0, clock.nanos()));
    }

    private SnapshotPublisher publisher(Qcow2Image image, ClusterAllocator allocator, CheckReport report) {
        return new SnapshotPublisher(image, allocator, report, session::requireNotStopped);
    }

    private ImportPlan plan() {
        return Objects.requireNonNull(session.plan(), "prepare has planned what is not published");
    }

    /** What the vmstate must read back as, from the checksums of its buffers. */
    private static StateChecksum checksum(Journal journal) throws StateferryException {
        StateChecksum.Sum sum = new StateChecksum.Sum(journal.plan().bufferSize());
        long index = 0;
        while (index < journal.plan().bufferCount()) {
            long missing = index;
            BufferRecord buffer = journal.buffer(index).orElseThrow(() -> JournalVmStateMap.incomplete(missing));
            for (int number = 0; number < buffer.count(); number++) {
                sum.add(
                        buffer.checksum(),
                        buffer.entries().length * journal.plan().clusterSize());
            }
            index += buffer.count();
        }
        return sum.end();
    }

    private void proveVmState() throws StateferryException {
        session.dump().requireUnchanged();
        if (session.request().options().verify()) {
            readBack(plan().journal());
        }
    }

    /**
     * Reads every buffer back, through the page cache; what comes must have the checksum of what was written. What was
     * written directly, or has the dump's blocks, is not in the page cache, so the disk returns it. What was written
     * through the page cache is still there as a rule: then nothing is proven about the disk.
     */
    private void readBack(Journal journal) throws StateferryException {
        try (BufferProofs proofs = new BufferProofs(session.image(), journal, executor)) {
            long index = 0;
            while (index < journal.plan().bufferCount()) {
                session.requireNotStopped();
                Optional<BufferProofs.Proof> proof = proofs.next();
                if (proof.isEmpty()) {
                    throw JournalVmStateMap.incomplete(index);
                }
                if (!proof.get().isIntact()) {
                    throw StateferryException.in(
                                    FailureKind.VERIFICATION,
                                    session.openImage().path(),
                                    "the vmstate does not read back as it was written, from its byte "
                                            + index * journal.plan().bufferSize() + " on")
                            .advise(
                                    "Nothing was switched over. Test the disk and the memory, then run the same command again.");
                }
                index += proof.get().buffer().count();
            }
        }
    }
}
