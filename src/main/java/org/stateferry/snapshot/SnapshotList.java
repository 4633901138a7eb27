package org.stateferry.snapshot;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SnapshotUsage;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * The snapshots of an image, with the room that each takes. Memory is that of the snapshot table, 8 MiB at most, and of
 * {@link SnapshotUsage}.
 */
public final class SnapshotList {
    private final Qcow2Image image;
    private final SnapshotUsage.@Nullable Room[] rooms;

    private SnapshotList(Qcow2Image image, SnapshotUsage.@Nullable Room[] rooms) {
        this.image = image;
        this.rooms = rooms;
    }

    /** Reads the list; the image need not be sound. */
    public static SnapshotList of(Qcow2Image image) throws StateferryException {
        return new SnapshotList(image, SnapshotUsage.of(image));
    }

    /** The image. */
    public Qcow2Image image() {
        return image;
    }

    /** The snapshots in the order of the image's table. */
    public List<SnapshotTableEntry> entries() {
        return image.snapshotTable().entries();
    }

    /** What belongs to a snapshot, or null if its tables are damaged. */
    public SnapshotUsage.@Nullable Room room(int index) {
        return rooms[index];
    }
}
