package org.stateferry.exporter;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZstdLibrary;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.ExportRequest.Container;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile;
import org.stateferry.importer.FileRoots;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;

/**
 * Writes the state of a snapshot into a file of its own. The image is only read, and locked as a reader does it. Not thread-safe;
 * one instance exports once. Whoever does not {@link #run} it reads and writes piece by piece, and completes it.
 *
 * <p>A target that is a file is filled under another name. If the export fails for a reason that can pass, or is killed, what was
 * written stays there, and the next export of the same state into the same file goes on from what is proven to be there.
 */
public final class Export implements AutoCloseable {
    private static final long NANOS_PER_MILLI = 1_000_000;

    private final OpenImage image;
    private final SavedState state;
    private final boolean plain;
    private final int headSize;
    private final ExportTarget target;
    private final ReadAhead ahead;
    private final byte[] identity;
    private final long startNanos;
    private final long resumedFrom;
    private long done;
    private long position;

    private Export(
            OpenImage image,
            SavedState state,
            ExportRequest request,
            ByteBuffer head,
            byte[] identity,
            ExportTarget target)
            throws StateferryException {
        this.identity = identity;
        this.startNanos = System.nanoTime();
        this.image = image;
        this.state = state;
        this.plain = request.compression() == Compression.NONE;
        this.headSize = head.remaining();
        this.target = target;
        ExportTarget.Progress progress = target.begin(head);
        this.resumedFrom = progress.offset();
        this.done = progress.offset();
        this.position = progress.position();
        this.ahead = new ReadAhead(state.content(), done, request.compression(), plain && target.takesHoles());
    }

    /**
     * Opens the image, finds out about the state, and begins the target or goes on with it.
     *
     * @param standardOutput where a state goes to that is exported into no file
     * @throws StateferryException after which there is no file, if there was none before
     */
    public static Export open(ExportRequest request, OutputStream standardOutput) throws StateferryException {
        if (request.compression() == Compression.ZSTD) {
            ZstdLibrary.require();
        }
        OpenImage image = OpenImages.openForReading(
                request.image(),
                OpenImages.Locking.EXCLUSIVE,
                found -> request.roots().require(found, request.image()));
        Export export = null;
        try {
            export = open(image, request, standardOutput);
            return export;
        } finally {
            if (export == null) {
                image.close();
            }
        }
    }

    private static Export open(OpenImage open, ExportRequest request, OutputStream standardOutput)
            throws StateferryException {
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
        SavedState state = SavedState.of(image, entry, request.layout());
        ByteBuffer head = head(request);
        FileStatus found = status(open);
        byte[] identity = ExportIdentity.of(found, image, state, head, request.compression());
        Path out = request.out();
        Path folder = out == null ? null : out.toAbsolutePath().getParent();
        if (folder != null) { // it is what is refused next that has none
            requireWithin(request.roots(), folder);
        }
        ExportTarget target = out == null
                ? new StandardOutput(standardOutput)
                : OutputFile.create(out, found, request.replaces(), identity, head.remaining());
        Export export = null;
        try {
            export = new Export(open, state, request, head, identity, target);
            return export;
        } finally {
            if (export == null) {
                target.close();
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

    private static ByteBuffer head(ExportRequest request) throws StateferryException {
        Container container = request.container();
        if (container instanceof Container.LibvirtLike like) {
            requireWithin(request.roots(), like.saveFile());
            return LibvirtHead.like(like.saveFile(), request.compression());
        }
        if (container instanceof Container.LibvirtDomain domain) {
            requireWithin(request.roots(), domain.xmlFile());
            return LibvirtHead.ofDomain(domain.xmlFile(), request.compression());
        }
        return ByteBuffer.allocate(0);
    }

    /** Where a path leads may have changed since it was confined. */
    private static void requireWithin(FileRoots roots, Path path) throws StateferryException {
        if (roots.isAnywhere()) {
            return;
        }
        try (LinuxFile found = LinuxFile.locate(path, LinuxFile.Links.FOLLOW)) {
            roots.require(found, path);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "looking at the path");
        }
    }

    private static FileStatus status(OpenImage open) throws StateferryException {
        try {
            return FileStatus.of(open.path());
        } catch (IOException e) {
            throw FileFailures.translate(e, open.path(), StateferryException.NO_OFFSET, "looking at the image");
        }
    }

    /** A digest of all that tells what is written: two exports with the same one write the same bytes. */
    public byte[] identity() {
        return identity.clone();
    }

    /** How many bytes the state has. */
    public long size() {
        return state.content().size();
    }

    /** How many of them are written, or need not be. */
    public long done() {
        return done;
    }

    /** How many of them an earlier attempt had left. */
    public long resumedFrom() {
        return resumedFrom;
    }

    /** The snapshot whose state it is. */
    public SnapshotTableEntry snapshot() {
        return state.entry();
    }

    /** The next piece, which is to be written before the one after it is read; null when there is none. */
    public @Nullable ExportPiece read() throws StateferryException {
        return ahead.next();
    }

    /** Writes the piece that was read last. */
    public void write(ExportPiece piece) throws StateferryException {
        long at = plain ? headSize + piece.offset() : position;
        position = at + piece.bytes().remaining();
        target.write(piece, at);
        done = piece.offset() + piece.size();
        ahead.release(piece);
    }

    /** Makes the target what was asked for, on stable storage. All pieces have been written. */
    public ExportOutcome complete() throws StateferryException {
        long length = plain ? headSize + size() : position;
        target.complete(length);
        done = size();
        return new ExportOutcome(
                state.entry().idText(),
                state.entry().nameText(),
                size(),
                length,
                resumedFrom,
                state.mappedRam(),
                (System.nanoTime() - startNanos) / NANOS_PER_MILLI);
    }

    /**
     * What is to be thrown of a failure; what was written stays if it is one that can pass.
     *
     * @return the failure, which says what has become of what was written
     */
    public StateferryException failed(StateferryException failure) {
        if (!failure.kind().isTransient()) {
            return failure;
        }
        Path kept = target.keep();
        return kept == null
                ? failure
                : failure.advise(
                        "Run the same command again: it continues from what " + kept
                                + " holds already. To give that up, remove this file and the one beside it whose name has .proof.");
    }

    /**
     * Exports everything.
     *
     * @param cancellation asked before each piece
     */
    public ExportOutcome run(Cancellation cancellation) throws StateferryException {
        try {
            for (ExportPiece piece = read(); piece != null; piece = read()) {
                cancellation.check();
                write(piece);
            }
            return complete();
        } catch (StateferryException e) {
            throw failed(e);
        }
    }

    @Override
    public void close() throws StateferryException {
        try (image;
                target;
                ahead) {
            // in the order opposite to that of their opening
        }
    }
}
