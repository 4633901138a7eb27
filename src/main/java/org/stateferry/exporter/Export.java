package org.stateferry.exporter;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.ExportRequest.Container;
import org.stateferry.host.FileStatus;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;

/**
 * Writes the state of a snapshot into a file of its own, as it was put in. The image is only read, and locked as a reader does
 * it. Not thread-safe; one instance exports once.
 */
public final class Export {
    private static final long NANOS_PER_MILLI = 1_000_000;

    private final ExportRequest request;
    private final OutputStream standardOutput;
    private final Cancellation cancellation;

    /**
     * @param standardOutput where a state goes to that is exported into no file
     * @param cancellation asked now and then until the file is complete
     */
    public Export(ExportRequest request, OutputStream standardOutput, Cancellation cancellation) {
        this.request = request;
        this.standardOutput = standardOutput;
        this.cancellation = cancellation;
    }

    /**
     * Exports.
     *
     * @throws StateferryException after which there is no file, if there was none before
     */
    public ExportOutcome run() throws StateferryException {
        long started = System.nanoTime();
        try (OpenImage open = OpenImages.openForReading(request.image())) {
            Qcow2Image image = Qcow2Image.open(open.file());
            requireReadable(image);
            SnapshotTableEntry entry = request.snapshot().in(image).get(0);
            if (entry.vmStateSize() == 0) {
                throw StateferryException.in(
                                FailureKind.CONFLICT,
                                open.path(),
                                "the snapshot \"" + entry.nameText() + "\" is one of the disk alone")
                        .advise("stateferry snapshot list " + open.path() + " shows which have a state.");
            }
            SavedState state = SavedState.of(image, entry);
            ByteBuffer head = head(state, open.path());
            try (ExportTarget target = target(open.path())) {
                long size = transfer(image, state, head, target);
                target.complete(size);
                return new ExportOutcome(
                        entry, state.size(), size, state.mappedRam(), (System.nanoTime() - started) / NANOS_PER_MILLI);
            }
        }
    }

    private static void requireReadable(Qcow2Image image) throws StateferryException {
        if (image.header().cryptMethod() != 0 || image.header().hasFeature(IncompatibleFeature.EXTERNAL_DATA_FILE)) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            "the image is encrypted, or has an external data file; its states cannot be read")
                    .advise("Load the snapshot with QEMU, and save it with migrate \"exec:cat>FILE\".");
        }
    }

    private ByteBuffer head(SavedState state, Path image) throws StateferryException {
        Container container = request.container();
        if (container instanceof Container.Stream) {
            return ByteBuffer.allocate(0);
        }
        if (state.mappedRam()) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image,
                            "the state is in QEMU's mapped-ram layout, which a libvirt save file has in another form")
                    .advise("Export it as a stream (without --format), or load and save it with QEMU.");
        }
        return container instanceof Container.LibvirtLike like
                ? LibvirtHead.like(like.saveFile(), request.compression())
                : LibvirtHead.ofDomain(((Container.LibvirtDomain) container).xmlFile(), request.compression());
    }

    private ExportTarget target(Path image) throws StateferryException {
        if (request.out() == null) {
            return new StandardOutput(standardOutput);
        }
        try {
            return OutputFile.create(request.out(), FileStatus.of(image), request.replaces());
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw FileFailures.translate(e, image, StateferryException.NO_OFFSET, "looking at the image");
        }
    }

    /** Returns how many bytes the target has got. */
    private long transfer(Qcow2Image image, SavedState state, ByteBuffer head, ExportTarget target)
            throws StateferryException {
        long headSize = head.remaining();
        target.write(head, 0);
        boolean plain = request.compression() == Compression.NONE;
        boolean skipsZeros = plain && target.takesHoles();
        long position = headSize;
        try (ReadAhead ahead = new ReadAhead(image, state.entry(), state.size(), request.compression(), skipsZeros)) {
            for (ReadAhead.Piece piece = ahead.next(); piece != null; piece = ahead.next()) {
                cancellation.check();
                long at = plain ? headSize + piece.offset() : position;
                position = at + piece.bytes().remaining();
                target.write(piece.bytes(), at);
                ahead.release(piece);
            }
        }
        return plain ? headSize + state.size() : position;
    }
}
