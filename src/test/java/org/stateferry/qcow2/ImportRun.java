package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/** What an import does with an image, in its order: check, claim and write data, force, stage, switch over. */
final class ImportRun {
    static final Instant DATE = Instant.parse("2026-11-22T10:11:12.345678901Z");
    private static final int RUN_SIZE = 4096;

    private final Qcow2Image image;
    private final CheckReport before;
    private final ClusterAllocator allocator;
    private final List<Run> runs = new ArrayList<>();

    /** A run of data clusters. */
    record Run(long hostOffset, long clusterCount) {}

    private record Extents(List<Run> runs, long vmStateSize) implements VmStateExtents {
        @Override
        public void forEach(Consumer consumer) throws StateferryException {
            for (Run run : runs) {
                consumer.extent(run.hostOffset, run.clusterCount);
            }
        }
    }

    ImportRun(ImageFile file) throws StateferryException {
        image = Qcow2Image.open(file);
        before = MetadataCheck.run(image);
        allocator = new ClusterAllocator(image, before);
    }

    /** All of an import. */
    static void publish(ImageFile file, String name, byte[] vmState) throws StateferryException {
        ImportRun run = new ImportRun(file);
        run.switchOver(run.stage(name, vmState));
    }

    CheckReport before() {
        return before;
    }

    /** Everything up to the switch. */
    StagedSnapshot stage(String name, byte[] vmState) throws StateferryException {
        writeData(vmState);
        // Barrier: the staged tables will lead to the data.
        image.file().force();
        return publisher().stage(new Extents(runs, vmState.length), name, DATE);
    }

    void switchOver(StagedSnapshot staged) throws StateferryException {
        publisher().switchOver(staged);
    }

    private SnapshotPublisher publisher() {
        return new SnapshotPublisher(image, allocator, before, Cancellation.NEVER);
    }

    private void writeData(byte[] vmState) throws StateferryException {
        int clusterSize = image.geometry().clusterSize();
        int runClusters = Math.max(1, RUN_SIZE / clusterSize);
        for (int at = 0; at < vmState.length; at += runClusters * clusterSize) {
            int size = Math.min(vmState.length - at, runClusters * clusterSize);
            long count = image.geometry().clusterCount(size);
            long hostOffset = allocator.allocateData(count);
            runs.add(new Run(hostOffset, count));
            byte[] padded = Arrays.copyOf(Arrays.copyOfRange(vmState, at, at + size), (int) count * clusterSize);
            image.file().write(ByteBuffer.wrap(padded), hostOffset);
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
}
