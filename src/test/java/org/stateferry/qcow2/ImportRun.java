package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.qcow2.vmstate.VmStateWriter;
import org.stateferry.storage.ImageFile;

/** What an import does with an image, in its order: check, claim and write data, force, stage, switch over. */
final class ImportRun {
    static final Instant DATE = Instant.parse("2026-11-22T10:11:12.345678901Z");
    static final long VM_CLOCK_NANOS = 90_061_000_000_007L;
    static final SnapshotTime TIME = new SnapshotTime(DATE, VM_CLOCK_NANOS);
    private static final int PIECE_SIZE = 4096;

    private final Qcow2Image image;
    private final CheckReport before;
    private final ClusterAllocator allocator;
    private final boolean compress;
    private final List<Long> entries = new ArrayList<>();

    private record Clusters(List<Long> entries, long vmStateSize) implements VmStateMap {
        @Override
        public void forEach(Consumer consumer) throws StateferryException {
            for (long entry : entries) {
                consumer.cluster(entry);
            }
        }
    }

    ImportRun(ImageFile file) throws StateferryException {
        this(file, false);
    }

    ImportRun(ImageFile file, boolean compress) throws StateferryException {
        this.compress = compress;
        image = Qcow2Image.open(file);
        before = MetadataCheck.run(image);
        allocator = new ClusterAllocator(image, before);
    }

    /** All of an import. */
    static void publish(ImageFile file, String name, byte[] vmState) throws StateferryException {
        publish(file, name, vmState, false);
    }

    /** The same with compressed vmstate, if that is wanted. */
    static void publish(ImageFile file, String name, byte[] vmState, boolean compress) throws StateferryException {
        ImportRun run = new ImportRun(file, compress);
        run.switchOver(run.stage(name, vmState));
    }

    /** A snapshot of the disk alone. */
    static void publishDisk(ImageFile file, String name) throws StateferryException {
        ImportRun run = new ImportRun(file);
        run.switchOver(staged(run.publisher().write(VmStateMap.NONE, name, TIME)));
    }

    /** Takes a snapshot out again. */
    static void remove(ImageFile file, String name) throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        SnapshotRemover remover = new SnapshotRemover(image, MetadataCheck.run(image), Cancellation.NEVER);
        staged(remover.write(List.of(image.snapshotTable().findByName(name).orElseThrow())))
                .carryOut(file);
    }

    /** Takes several out with one switch. */
    static void removeAll(ImageFile file, List<SnapshotTableEntry> entries) throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        SnapshotRemover remover = new SnapshotRemover(image, MetadataCheck.run(image), Cancellation.NEVER);
        staged(remover.write(entries)).carryOut(file);
    }

    /** Gives a snapshot another name. */
    static void rename(ImageFile file, String name, String newName) throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        SnapshotRenamer renamer = new SnapshotRenamer(image, MetadataCheck.run(image), Cancellation.NEVER);
        staged(renamer.write(image.snapshotTable().findByName(name).orElseThrow(), newName))
                .carryOut(file);
    }

    /** Gives a vmstate to a snapshot of the disk alone. */
    static void complete(ImageFile file, String name, byte[] vmState) throws StateferryException {
        ImportRun run = new ImportRun(file, true);
        run.switchOver(run.stageInto(name, vmState));
    }

    /** Everything of it up to the switch. */
    StagedSwitch stageInto(String name, byte[] vmState) throws StateferryException {
        writeData(vmState);
        image.file().force();
        SnapshotTableEntry entry = image.snapshotTable().findByName(name).orElseThrow();
        return staged(publisher().complete(entry, new Clusters(entries, vmState.length), VM_CLOCK_NANOS));
    }

    CheckReport before() {
        return before;
    }

    /** Everything up to the switch. */
    StagedSwitch stage(String name, byte[] vmState) throws StateferryException {
        writeData(vmState);
        // Barrier: the staged tables will lead to the data.
        image.file().force();
        return staged(publisher().write(new Clusters(entries, vmState.length), name, TIME));
    }

    void switchOver(StagedSwitch staged) throws StateferryException {
        staged.carryOut(image.file());
    }

    private SnapshotPublisher publisher() {
        return new SnapshotPublisher(image, allocator, before, Cancellation.NEVER);
    }

    private void writeData(byte[] vmState) throws StateferryException {
        int clusterSize = image.geometry().clusterSize();
        ByteBuffer piece = ByteBuffer.allocateDirect(Math.max(PIECE_SIZE, clusterSize));
        try (VmStateWriter writer =
                new VmStateWriter(image, image.file(), allocator, compress ? 1 : 0, piece.capacity(), 0)) {
            for (int at = 0; at < vmState.length; at += piece.capacity()) {
                int size = Math.min(vmState.length - at, piece.capacity());
                int padded = (int) image.geometry().clusterCount(size) * clusterSize;
                piece.clear()
                        .put(vmState, at, size)
                        .put(new byte[padded - size])
                        .flip();
                for (long entry : writer.write(at / piece.capacity(), VmStateWriter.Content.of(piece))
                        .entries()) {
                    entries.add(entry);
                }
            }
            writer.finish();
        }
    }

    /** Reads the whole vmstate of a snapshot back. */
    static byte[] readVmState(ImageFile file, String name) throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        SnapshotTableEntry entry = image.snapshotTable().findByName(name).orElseThrow();
        ByteBuffer vmState = ByteBuffer.allocate((int) entry.vmStateSize());
        new VmStateReader(image, entry).read(vmState, 0);
        return vmState.array();
    }

    static StagedSwitch staged(SwitchStage written) throws StateferryException {
        written.force();
        return written.check();
    }
}
