package org.stateferry.importer.image;

import java.nio.file.Path;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;

/**
 * The files of one attempt, all of them open and the images locked.
 *
 * @param reservation keeps the dump from being opened as an image
 * @param dump the dump
 * @param images the images, as files
 * @param image the image that gets the vmstate, as it was before the switch
 * @param imageIdentity what that image's path led to before anything of ours was written
 * @param otherDisks the other disks
 * @param journalPath where the image's journal lies
 */
public record SessionFiles(
        OpenImages.DumpReservation reservation,
        DumpSource dump,
        LockedImages images,
        Qcow2Image image,
        FileIdentity imageIdentity,
        OtherDisks otherDisks,
        Path journalPath)
        implements AutoCloseable {

    /**
     * Opens all files and locks the images, or leaves none open.
     *
     * @throws StateferryException if one of them is missing, is not what it should be, or is in use
     */
    public static SessionFiles open(
            ImportRequest request, StateferryHome home, FileAccess access, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        LockedImages.requireDistinctFiles(request);
        DumpOpening opening = new DumpOpening(progress, stop, request);
        if (LockedImages.holdDump(request)) {
            return openWithin(request, home, access, opening);
        }
        OpenImages.DumpReservation reservation = DumpOpening.reserve(request);
        try {
            DumpSource dump = access.dump(opening.open());
            try {
                return open(request, home, access, progress, reservation, dump);
            } catch (StateferryException | RuntimeException | Error e) {
                Resources.closeAfter(e, dump);
                throw e;
            }
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, reservation);
            throw e;
        }
    }

    /** The images first: the dump lies in one of them, and shares its lock. */
    private static SessionFiles openWithin(
            ImportRequest request, StateferryHome home, FileAccess access, DumpOpening opening)
            throws StateferryException {
        Path path = TargetImages.pathOf(request);
        LockedImages images = LockedImages.open(
                request, path, () -> TargetImages.openPresent(request, path, access, opening.progress()::notice));
        try {
            DumpSource dump = access.dump(opening.open());
            try {
                return of(DumpOpening.reserve(request), dump, images, home, access, JournalFiles.pathFor(home, path));
            } catch (StateferryException | RuntimeException | Error e) {
                Resources.closeAfter(e, dump);
                throw e;
            }
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, images);
            throw e;
        }
    }

    private static SessionFiles open(
            ImportRequest request,
            StateferryHome home,
            FileAccess access,
            ImportProgress progress,
            OpenImages.DumpReservation reservation,
            DumpSource dump)
            throws StateferryException {
        Path path = TargetImages.pathOf(request);
        Path journal = JournalFiles.pathFor(home, path);
        LockedImages images = LockedImages.open(
                request,
                path,
                () -> TargetImages.open(
                        request,
                        path,
                        dump,
                        access,
                        part -> JournalFiles.isLeft(journal, ImportIdentity.of(home, request, path, dump), part),
                        progress::notice));
        try {
            return of(reservation, dump, images, home, access, journal);
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, images);
            throw e;
        }
    }

    private static SessionFiles of(
            OpenImages.DumpReservation reservation,
            DumpSource dump,
            LockedImages images,
            StateferryHome home,
            FileAccess access,
            Path journal)
            throws StateferryException {
        OpenImage target = images.target().file();
        return new SessionFiles(
                reservation,
                dump,
                images,
                Qcow2Image.open(access.image(target.file())),
                target.identity(),
                OtherDisks.of(images.others(), home, access),
                journal);
    }

    /** Releases everything, the locks last: until then nobody else touches an image or its journal. */
    @Override
    public void close() throws StateferryException {
        Resources.closeAll(List.of(otherDisks, dump, reservation, images));
    }
}
