package org.stateferry.batch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SpaceEstimate;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.FileFailures;
import org.stateferry.stream.StreamFacts;

/**
 * What an import would do; made without the job repository and without a change to anything.
 *
 * @param alreadyImported whether the image holds this vmstate under this name already, and every other disk its snapshot
 * @param lacksName whether the image, which the import was to make, holds this vmstate and lacks nothing but its name
 * @param vmStateSize bytes of vmstate
 * @param growth bytes by which the images may grow at most, all together
 * @param usableSpace bytes that the image's file system has, with those that an unfinished new image takes by now
 * @param facts what the stream says about its machine, or null for an opaque dump
 * @param warnings what the operator was warned about
 */
public record ImportPreview(
        boolean alreadyImported,
        boolean lacksName,
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
            try (PlannedImport planned = PlannedImport.open(request, home, progress, stop)) {
                return ofNewImage(planned, image, wanted, home);
            }
        }
        try (ImportSession session = ImportSession.open(request, home, FileAccess.PLAIN, progress, stop)) {
            ImportChecks checks = new ImportChecks(session);
            String importKey = JournalFiles.importKey(
                    ImportIdentity.of(home, request, session.target().path(), session.dump()));
            OtherDiskChecks otherDisks = new OtherDiskChecks(session, importKey);
            SnapshotPresence presence = session.presence();
            if (presence.sameVmState()) {
                ImportChecks.warnOfOtherSize(session);
                otherDisks.run(true);
                checks.requireSpaceForDisks();
                boolean part = session.target().isPart();
                return preview(
                        session,
                        !part && !session.otherDisks().haveLacked(),
                        part,
                        new ImageChecks(session).diskDemand().total());
            }
            CheckReport report = checks.run(presence, importKey);
            otherDisks.run(false);
            checks.requireSpace(report, 0);
            return preview(
                    session,
                    false,
                    false,
                    checks.growth(report, 0)
                            + new ImageChecks(session).diskDemand().total());
        }
    }

    private static boolean isThere(ImportRequest request, Path image, NewImage wanted) throws StateferryException {
        return Files.exists(image)
                || new NewImageMaker(image, wanted, request.options().locking(), FileAccess.PLAIN).isComplete();
    }

    /** Of an image that would have to be made first; it is only planned. */
    private static ImportPreview ofNewImage(PlannedImport planned, Path path, NewImage wanted, StateferryHome home)
            throws StateferryException {
        DumpSource dump = planned.dump();
        TargetImage.requireRoom(wanted, dump.streamLength());
        NewImageLayout layout = new NewImageLayout(wanted);
        Qcow2Image image = Qcow2Image.open(layout.plannedAt(path));
        String importKey = JournalFiles.importKey(ImportIdentity.of(home, planned.request(), path, dump));
        ImageChecks checks = new ImageChecks(planned);
        checks.requireFit(image, dump.streamLength(), Optional.empty(), importKey);
        dump.warnings().forEach(planned::warn);
        checks.warnIfDisksMissing(image);
        CheckReport report = checks.checked(image);
        new OtherDiskChecks(planned, importKey).run(false);
        SpaceDemand disks = checks.diskDemand();
        disks.requireRoom();
        long growth = layout.length() + SpaceEstimate.growth(image, report, dump.streamLength(), 0);
        long usable = usableSpace(path);
        new SpaceNeed(path, image, dump, 0, growth)
                .requireWithin(
                        usable - disks.neededBeside(folderOf(path)),
                        planned.request().options().spaceHope(),
                        planned::warn,
                        planned::requireNotStopped);
        return new ImportPreview(
                false, false, dump.streamLength(), growth + disks.total(), usable, dump.facts(), planned.warnings());
    }

    private static Path folderOf(Path file) {
        return Objects.requireNonNull(file.getParent(), "a real path has a folder");
    }

    private static long usableSpace(Path image) throws StateferryException {
        try {
            return Files.getFileStore(folderOf(image)).getUsableSpace() + sizeOfPart(PartName.of(image));
        } catch (IOException e) {
            throw FileFailures.translate(e, image, StateferryException.NO_OFFSET, "asking for the free space");
        }
    }

    /** The import goes on from what an earlier attempt has left, or removes it first. */
    private static long sizeOfPart(Path part) throws IOException {
        boolean goes = Files.isRegularFile(part, LinkOption.NOFOLLOW_LINKS) && NewImageMaker.nameCount(part) == 1;
        return goes ? Files.size(part) : 0;
    }

    private static ImportPreview preview(ImportSession session, boolean complete, boolean lacksName, long growth)
            throws StateferryException {
        return new ImportPreview(
                complete,
                lacksName,
                session.dump().streamLength(),
                growth,
                session.openImage().usableSpace(),
                session.dump().facts(),
                session.warnings());
    }
}
