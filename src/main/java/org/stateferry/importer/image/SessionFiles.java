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
import org.stateferry.source.DumpSources;
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
        OpenImages.DumpReservation reservation = OpenImages.reserveDump(request.dump());
        try {
            DumpSource dump = access.dump(
                    DumpSources.open(request.dump(), request.options().choice(), new DumpOpening(progress, stop)));
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
            OpenImage target = images.target().file();
            return new SessionFiles(
                    reservation,
                    dump,
                    images,
                    Qcow2Image.open(access.image(target.file())),
                    target.identity(),
                    OtherDisks.of(images.others(), home, access),
                    journal);
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, images);
            throw e;
        }
    }

    /** Releases everything, the locks last: until then nobody else touches an image or its journal. */
    @Override
    public void close() throws StateferryException {
        Resources.closeAll(List.of(otherDisks, dump, reservation, images));
    }
}
