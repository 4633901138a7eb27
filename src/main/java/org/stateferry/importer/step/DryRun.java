package org.stateferry.importer.step;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.image.NewImageMaker;
import org.stateferry.importer.image.TargetImages;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.NewImage;

/** Makes the checks of an import, without the job repository and without a change to anything. */
public final class DryRun {
    private DryRun() {}

    /**
     * Opens all files, locks the images, and makes every check that an import makes before its first byte.
     *
     * @param progress hears warnings and notices
     * @throws StateferryException that with which the import would be refused
     */
    public static ImportPreview of(ImportRequest request, StateferryHome home, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        Path image = TargetImages.pathOf(request);
        try (OpenImport subject = open(request, image, home, progress, stop)) {
            String importKey =
                    JournalFiles.importKey(ImportIdentity.of(home, request, subject.imagePath(), subject.dump()));
            Optional<CheckReport> report = new ImportChecks(subject, importKey).run();
            SpaceCheck space = new SpaceCheck(subject);
            space.require(report, 0, request.options().spaceHope());
            boolean lacksName = subject.isNewImage() && report.isEmpty();
            return new ImportPreview(
                    subject.remainingWork() == RemainingWork.NOTHING && !lacksName,
                    lacksName,
                    subject.streamLength(),
                    space.growth(report, 0),
                    subject.usableSpace(),
                    subject.dump().facts(),
                    subject.warnings());
        }
    }

    private static OpenImport open(
            ImportRequest request, Path image, StateferryHome home, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        NewImage wanted = request.newImage();
        if (wanted == null || Files.exists(image) || isMade(request, image, wanted)) {
            return ImportSession.open(request, home, FileAccess.PLAIN, progress, stop);
        }
        return PlannedImport.open(request, image, wanted, home, progress, stop);
    }

    /** Whether all that the new image lacks is its name. */
    private static boolean isMade(ImportRequest request, Path image, NewImage wanted) throws StateferryException {
        return new NewImageMaker(
                        image, wanted, request.options().locking(), FileAccess.PLAIN, TargetImages.placeOf(request))
                .isComplete();
    }
}
