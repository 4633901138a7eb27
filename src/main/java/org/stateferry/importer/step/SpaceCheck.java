package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.image.OtherDisk;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SpaceEstimate;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.source.PieceStream;
import org.stateferry.transfer.TransferSettings;

/**
 * Whether the file systems of an import's images have room for it. Asked after {@link ImportChecks}, which finds out what the
 * other disks need. All sizes are bytes; {@code report} is the check of the image, empty if nothing is to be written to it,
 * and {@code presentSize} what an earlier attempt has stored of the stream, whole clusters. Changes nothing.
 */
final class SpaceCheck {
    /** How far ahead space is asked for if the length of the stream is not known, in bytes. */
    static final long WINDOW = 4L << 20;

    private final OpenImport subject;

    SpaceCheck(OpenImport subject) {
        this.subject = subject;
    }

    /** The most by which all images together may have to grow, in bytes, on whatever file systems they are. */
    long growth(Optional<CheckReport> report, long presentSize) throws StateferryException {
        long growth = report.isPresent() ? imageGrowth(report.get(), presentSize) : 0;
        for (OtherDisk disk : subject.otherDisks()) {
            growth += growthOf(disk);
        }
        return growth;
    }

    private long imageGrowth(CheckReport report, long presentSize) throws StateferryException {
        return subject.sizeToBeMade() + SpaceEstimate.growth(subject.image(), report, length(presentSize), presentSize);
    }

    /** The stream's length or, as long as that is not known, as much as comes next. */
    private long length(long presentSize) {
        return subject.streamLength().orElse(presentSize + WINDOW);
    }

    /**
     * To be called now and then while a stream of unknown length is transferred: fails before the file system is full, so that
     * others who write to it do not meet a full disk.
     *
     * @param report the check of the image as it was before
     * @param position bytes of the stream that are written or about to be
     * @param written how many of them are written for sure
     */
    void requireAhead(CheckReport report, long position, long written) throws StateferryException {
        long needed = SpaceEstimate.growth(subject.image(), report, position + WINDOW, written)
                + neededByDisksBeside(placeOfImage());
        long usable = subject.usableSpace();
        if (needed > usable) {
            throw noRoom(
                    subject.imagePath(),
                    "after " + position + " bytes of the stream the import needs " + needed
                            + " more bytes on the file system at least, which has " + usable);
        }
    }

    private static long growthOf(OtherDisk disk) {
        return disk.checked().map(OtherDisk.Checked::growth).orElse(0L);
    }

    /**
     * Fails if a file system has too little room for what is still to be written to it. Only if the dump as it is would not
     * fit, what are no holes of it is counted, and only if that would not fit either, it is read to see how
     * much of it is zeros, which take no space; how far it can be compressed is not tried out.
     *
     * @param hope as {@link ImportOptions#spaceHope} has it
     * @throws StateferryException of kind {@link FailureKind#NO_SPACE}
     */
    void require(Optional<CheckReport> report, long presentSize, @Nullable String hope) throws StateferryException {
        for (OtherDisk disk : subject.otherDisks()) {
            long needed = neededByDisksBeside(disk.open().path());
            long usable = disk.open().usableSpace();
            if (growthOf(disk) > 0 && needed > usable) {
                throw noRoom(disk.open().path(), problem(needed, usable));
            }
        }
        if (report.isPresent()) {
            requireForImage(imageGrowth(report.get(), presentSize), presentSize, hope);
        }
    }

    private void requireForImage(long growth, long presentSize, @Nullable String hope) throws StateferryException {
        long usable = subject.usableSpace() - neededByDisksBeside(placeOfImage());
        if (growth <= usable) {
            return;
        }
        long tables = growth - sizeOfState(presentSize);
        if (hope != null && tables <= usable) {
            subject.warn(problem(growth, usable) + ", if " + hope);
        } else if (!fitsWithoutZeros(usable - tables, presentSize)) {
            throw noRoom(subject.imagePath(), problem(growth, usable));
        }
    }

    /** A new image does not have its name yet. */
    private Path placeOfImage() {
        Path image = subject.imagePath();
        return subject.isNewImage() ? Objects.requireNonNull(image.getParent(), "a real path has a folder") : image;
    }

    /** What the state itself takes; more than the growth if part of it fits into what is free in the file. */
    private long sizeOfState(long presentSize) {
        ClusterGeometry geometry = subject.image().geometry();
        return geometry.clusterOffset(geometry.clusterCount(length(presentSize)) - geometry.clusterCount(presentSize));
    }

    private long neededByDisksBeside(Path place) throws StateferryException {
        long needed = 0;
        for (OtherDisk disk : subject.otherDisks()) {
            needed += growthOf(disk) > 0 && disk.open().sharesSpaceWith(place) ? growthOf(disk) : 0;
        }
        return needed;
    }

    private boolean fitsWithoutZeros(long limit, long presentSize) throws StateferryException {
        return subject.streamLength().isPresent()
                && !subject.image().header().zerosNeedSpace()
                && limit > 0
                && (sizeWithoutHoles(limit, presentSize) <= limit || sizeWithoutZeros(limit, presentSize) <= limit);
    }

    /** What the clusters still to be stored take that are not in holes, by what the file system tells; as below. */
    private long sizeWithoutHoles(long limit, long presentSize) throws StateferryException {
        int clusterSize = subject.image().geometry().clusterSize();
        long length = subject.streamLength().orElseThrow();
        long size = 0;
        long at = presentSize;
        while (size <= limit) {
            subject.requireNotStopped();
            long data = subject.dump().nextData(at);
            if (data >= length) {
                break;
            }
            size += clusterSize;
            at = data - data % clusterSize + clusterSize;
        }
        return size;
    }

    /** What the clusters still to be stored take that are not zero; above the limit if not all was looked at. */
    private long sizeWithoutZeros(long limit, long presentSize) throws StateferryException {
        Qcow2Image image = subject.image();
        int clusterSize = image.geometry().clusterSize();
        ByteBuffer piece = ByteBuffer.allocateDirect(TransferSettings.bufferSize(clusterSize));
        long size = 0;
        try (PieceStream stream = subject.dump().pieces(presentSize)) {
            while (size <= limit) {
                subject.requireNotStopped();
                stream.skipHole(clusterSize);
                if (stream.read(piece.clear()) == 0) {
                    break;
                }
                int content = piece.position();
                ZeroBytes.put(piece, (int) Alignment.alignUp(content, clusterSize) - content);
                for (int at = 0; at < content; at += clusterSize) {
                    size += ZeroBytes.isZero(piece, at, clusterSize) ? 0 : clusterSize;
                }
            }
        }
        return size;
    }

    private static String problem(long needed, long usable) {
        return "the import needs " + needed + " more bytes on the file system, which has " + usable;
    }

    private static StateferryException noRoom(Path image, String problem) {
        return StateferryException.in(FailureKind.NO_SPACE, image, problem)
                .advise("Make room and run the same command again.");
    }
}
