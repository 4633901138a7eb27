package org.stateferry.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.stream.StreamFile;

/**
 * The state of a snapshot, as a dump. Its image is locked as a reader does it, so that nobody changes it meanwhile; if this process
 * has the image open already, to write to it, both share that.
 */
final class SnapshotState implements DumpHolder {
    private final OpenImage open;
    private final SnapshotTableEntry entry;
    private final FileStatus status;
    private final StoredStream stored;

    private SnapshotState(OpenImage open, Qcow2Image image, SnapshotTableEntry entry, FileStatus status)
            throws StateferryException {
        this.open = open;
        this.entry = entry;
        this.status = status;
        this.stored = new StoredStream(image, entry);
    }

    /**
     * Opens the image, and finds the snapshot in it.
     *
     * @param name the snapshot's
     * @param locking how those who write to the image lock it
     * @param monitor is asked whether the image may be opened
     * @throws StateferryException as {@link OpenImages#openForReading}; {@code DUMP_MISSING} if there is no such snapshot,
     *     {@code CONFLICT} if there are several, {@code DUMP_UNFIT} if it has no state, or none that can be read
     */
    static SnapshotState open(Path path, String name, Locking locking, OpenMonitor monitor) throws StateferryException {
        OpenImage open = OpenImages.openForReading(path, locking, monitor::found);
        try {
            Qcow2Image image = Qcow2Image.open(open.file());
            requireReadable(image);
            return new SnapshotState(open, image, find(image, name), FileStatus.of(open.path()));
        } catch (IOException e) {
            StateferryException failure = e instanceof StateferryException known
                    ? known
                    : FileFailures.translate(e, path, StateferryException.NO_OFFSET, "looking at the image");
            closeAfter(failure, open);
            throw failure;
        } catch (RuntimeException | Error e) {
            closeAfter(e, open);
            throw e;
        }
    }

    private static void closeAfter(Throwable failure, OpenImage open) {
        try {
            open.close();
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    private static void requireReadable(Qcow2Image image) throws StateferryException {
        if (image.header().cryptMethod() != 0 || image.header().hasFeature(IncompatibleFeature.EXTERNAL_DATA_FILE)) {
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT,
                            image.file().path(),
                            "the image is encrypted, or has an external data file; its states cannot be read")
                    .advise("Load the snapshot with QEMU, and save it with migrate \"exec:cat>FILE\".");
        }
    }

    private static SnapshotTableEntry find(Qcow2Image image, String name) throws StateferryException {
        Path path = image.file().path();
        String shown = "stateferry snapshot list " + path + " shows those that are there";
        List<SnapshotTableEntry> found = image.snapshotTable().entries().stream()
                .filter(entry -> entry.hasName(name))
                .toList();
        if (found.isEmpty()) {
            throw StateferryException.in(FailureKind.DUMP_MISSING, path, "there is no snapshot named \"" + name + "\"")
                    .advise(shown);
        }
        if (found.size() > 1) {
            throw StateferryException.in(
                            FailureKind.CONFLICT, path, found.size() + " snapshots are named \"" + name + "\"")
                    .advise("Export the one that is meant (stateferry export --id), and import the file.");
        }
        if (found.get(0).vmStateSize() == 0) {
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT, path, "the snapshot \"" + name + "\" is one of the disk alone")
                    .advise(shown + ", and which have a state");
        }
        return found.get(0);
    }

    @Override
    public Path path() {
        return open.path();
    }

    @Override
    public long size() {
        return stored.size();
    }

    @Override
    public void readFully(ByteBuffer target, long offset) throws StateferryException {
        stored.readFully(target, offset);
    }

    @Override
    public long nextData(long offset) {
        return stored.nextData(offset);
    }

    @Override
    public boolean isBlockDevice() {
        return false; // the snapshot has its size and its date, wherever its image lies
    }

    @Override
    public FileStatus status() {
        return status;
    }

    /** The snapshot's date. */
    @Override
    public Instant modified() {
        return Instant.ofEpochSecond(entry.dateSeconds(), entry.dateNanos());
    }

    /** Whatever else happens to the image, the snapshot is the same: what counts is its id, its date and its content. */
    @Override
    public DumpFingerprint fingerprint(StreamFile content, long start, long length) throws StateferryException {
        return DumpFingerprint.of(content, start, length, modified(), entry.id());
    }

    @Override
    public void requireUnchanged(DumpFingerprint before, Fingerprinting now) throws StateferryException {
        boolean same = open.isAt(open.path())
                && Qcow2Image.open(open.file()).snapshotTable().entries().contains(entry);
        if (!same) {
            throw StateferryException.in(
                            FailureKind.DUMP_INVALID,
                            path(),
                            "the image was replaced, or its snapshot \"" + entry.nameText()
                                    + "\" changed, while it was read")
                    .advise("Run the same command again when nothing else works on the image.");
        }
    }

    /** It lies in clusters here and there, which may be packed. */
    @Override
    public Optional<DumpSource.Extent> extent(long streamOffset, long from) {
        return Optional.empty();
    }

    /** The image's pages in the cache serve whoever works with it. */
    @Override
    public void dropRead(long from, long to, boolean mayBeHole) {
        // nothing is dropped
    }

    @Override
    public long readEnd() {
        return 0;
    }

    @Override
    public void close() throws StateferryException {
        open.close();
    }
}
