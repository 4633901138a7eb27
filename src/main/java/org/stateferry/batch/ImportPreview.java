package org.stateferry.batch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SpaceEstimate;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.stream.StreamFacts;

/**
 * What an import would do; made without the job repository and without a change to anything.
 *
 * @param alreadyImported whether the image holds this vmstate under this name already, and every other disk its snapshot
 * @param vmStateSize bytes of vmstate
 * @param growth bytes by which the images may grow at most, all together
 * @param usableSpace bytes that the image's file system has
 * @param facts what the stream says about its machine, or null for an opaque dump
 * @param warnings what the operator was warned about
 */
public record ImportPreview(
        boolean alreadyImported,
        long vmStateSize,
        long growth,
        long usableSpace,
        @Nullable StreamFacts facts,
        List<String> warnings) {

    /**
     * Opens all files, locks the images, and makes every check that an import makes before its first byte.
     *
     * @param progress hears warnings and notices
     * @throws StateferryException that with which the import would be refused
     */
    public static ImportPreview of(ImportRequest request, StateferryHome home, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        NewImage wanted = request.newImage();
        Path image = TargetImage.pathOf(request);
        if (wanted != null && !isThere(request, image, wanted)) {
            return ofNewImage(request, image, wanted, progress, stop);
        }
        try (ImportSession session = ImportSession.open(request, home, FileAccess.PLAIN, progress, stop)) {
            ImportChecks checks = new ImportChecks(session);
            String importKey = JournalFiles.importKey(
                    ImportIdentity.of(home, request, session.target().path(), session.dump()));
            OtherDiskChecks otherDisks = new OtherDiskChecks(session, checks, importKey);
            SnapshotPresence presence = session.presence();
            if (presence.sameVmState()) {
                ImportChecks.warnOfOtherSize(session);
                otherDisks.run(true);
                checks.requireSpaceForDisks();
                return preview(
                        session,
                        !session.otherDisks().haveLacked(),
                        checks.diskDemand().total());
            }
            CheckReport report = checks.run(presence, importKey);
            otherDisks.run(false);
            checks.requireSpace(report, 0);
            return preview(
                    session,
                    false,
                    checks.growth(report, 0) + checks.diskDemand().total());
        }
    }

    private static boolean isThere(ImportRequest request, Path image, NewImage wanted) throws StateferryException {
        Locking locking = request.options().lock() ? Locking.EXCLUSIVE : Locking.NONE;
        return Files.exists(image) || new NewImageMaker(image, wanted, locking, FileAccess.PLAIN).isComplete();
    }

    /** Of an image that would have to be made first; it is only planned. */
    private static ImportPreview ofNewImage(
            ImportRequest request, Path image, NewImage wanted, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        try (DumpSource dump =
                DumpSources.open(request.dump(), request.options().format())) {
            TargetImage.requireRoom(wanted, dump.streamLength());
            NewImageLayout layout = new NewImageLayout(wanted);
            Qcow2Image planned = Qcow2Image.open(layout.plannedAt(image));
            ImportRequirements.requireUsableName(planned, request.name());
            dump.warnings().forEach(progress::warning);
            if (!request.otherDisks().isEmpty()) {
                progress.warning("the other disks are not looked at before the image is there");
            }
            CheckReport report = MetadataCheck.run(planned, () -> requireNotStopped(stop));
            long growth = layout.length() + SpaceEstimate.growth(planned, report, dump.streamLength(), 0);
            long usable = usableSpace(image);
            new SpaceNeed(image, planned, dump, 0, growth)
                    .requireWithin(
                            usable,
                            request.options().compression() == Compression.IMAGE,
                            progress::warning,
                            () -> requireNotStopped(stop));
            return new ImportPreview(false, dump.streamLength(), growth, usable, dump.facts(), dump.warnings());
        }
    }

    private static void requireNotStopped(StopSignal stop) throws StateferryException {
        if (stop.isRequested()) {
            throw ImportSession.interrupted();
        }
    }

    private static long usableSpace(Path image) throws StateferryException {
        try {
            return Files.getFileStore(image.getParent()).getUsableSpace();
        } catch (IOException e) {
            throw FileFailures.translate(e, image, StateferryException.NO_OFFSET, "asking for the free space");
        }
    }

    private static ImportPreview preview(ImportSession session, boolean complete, long growth)
            throws StateferryException {
        return new ImportPreview(
                complete,
                session.dump().streamLength(),
                growth,
                session.openImage().usableSpace(),
                session.dump().facts(),
                session.warnings());
    }
}
