package org.stateferry.importer.step;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.image.DumpOpening;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.LockedImages;
import org.stateferry.importer.image.NewImageMaker;
import org.stateferry.importer.image.OtherDisks;
import org.stateferry.importer.image.PartName;
import org.stateferry.importer.image.Resources;
import org.stateferry.importer.image.SessionFiles;
import org.stateferry.importer.image.TargetImages;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.OpenImage;

/**
 * An import that is only tried, into an image that would have to be made first: the image is planned, and no file of it is
 * written. All other files are open, and the other disks locked.
 */
final class PlannedImport extends OpenImport {
    private final Path path;
    private final NewImageLayout layout;
    private final Qcow2Image image;
    private final DumpSource dump;
    private final OtherDisks otherDisks;
    private final List<AutoCloseable> files;

    private PlannedImport(
            ImportRequest request,
            ImportProgress progress,
            StopSignal stop,
            Path path,
            NewImageLayout layout,
            DumpSource dump,
            OtherDisks otherDisks,
            List<AutoCloseable> files)
            throws StateferryException {
        super(request, progress, stop);
        this.path = path;
        this.layout = layout;
        this.image = Qcow2Image.open(layout.plannedAt(path));
        this.dump = dump;
        this.otherDisks = otherDisks;
        this.files = files;
    }

    /**
     * Opens the dump and the other disks, or none.
     *
     * @param path the image's real path
     * @throws StateferryException as {@link SessionFiles#open}
     */
    static PlannedImport open(
            ImportRequest request,
            Path path,
            NewImage wanted,
            StateferryHome home,
            ImportProgress progress,
            StopSignal stop)
            throws StateferryException {
        LockedImages.requireDistinctFiles(request);
        List<AutoCloseable> files = new ArrayList<>(); // in the order in which they are to be closed
        try {
            files.add(DumpOpening.reserve(request));
            DumpSource dump = new DumpOpening(progress, stop, request).open();
            files.add(0, dump);
            List<OpenImage> disks = LockedImages.openOthers(request);
            files.addAll(disks);
            OtherDisks otherDisks = OtherDisks.of(disks, home, FileAccess.PLAIN);
            files.add(0, otherDisks);
            TargetImages.requireRoom(wanted, dump.streamLength().orElse(0));
            return new PlannedImport(
                    request, progress, stop, path, new NewImageLayout(wanted), dump, otherDisks, files);
        } catch (StateferryException | RuntimeException | Error e) {
            files.forEach(open -> Resources.closeAfter(e, open));
            throw e;
        }
    }

    @Override
    DumpSource dump() {
        return dump;
    }

    @Override
    OtherDisks otherDisks() {
        return otherDisks;
    }

    @Override
    Path imagePath() {
        return path;
    }

    @Override
    Qcow2Image image() {
        return image;
    }

    @Override
    boolean isNewImage() {
        return true;
    }

    @Override
    Optional<Journal> journal() {
        return Optional.empty();
    }

    /** Long ago: nobody can have written to an image that does not exist. */
    @Override
    Instant modifiedByOthers() {
        return Instant.EPOCH;
    }

    @Override
    long sizeToBeMade() {
        return layout.length();
    }

    @Override
    long usableSpace() throws StateferryException {
        try {
            Path folder = Objects.requireNonNull(path.getParent(), "a real path has a folder");
            return Files.getFileStore(folder).getUsableSpace() + sizeOfPart();
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "asking for the free space");
        }
    }

    /** The import goes on from what an earlier attempt has left, or removes it first. */
    private long sizeOfPart() throws IOException {
        Path part = PartName.of(path);
        boolean goes = Files.isRegularFile(part, LinkOption.NOFOLLOW_LINKS) && NewImageMaker.nameCount(part) == 1;
        return goes ? Files.size(part) : 0;
    }

    @Override
    public void close() throws StateferryException {
        Resources.closeAll(files);
    }
}
