package org.stateferry.importer;

import java.nio.file.Path;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * A snapshot as an import has left it in an image.
 *
 * @param image the image's real path
 * @param id the snapshot's id in the image
 * @param name its name
 * @param dateSeconds when the guest was saved, in seconds since 1970
 * @param dateNanos the fraction of a second
 * @param vmStateSize bytes of vmstate as the image's table has it; 0 for a snapshot of the disk alone
 */
public record MadeSnapshot(String image, String id, String name, long dateSeconds, long dateNanos, long vmStateSize) {
    /** The snapshot of an entry of the image's snapshot table. */
    public static MadeSnapshot of(Path image, SnapshotTableEntry entry) {
        return new MadeSnapshot(
                image.toString(),
                entry.idText(),
                entry.nameText(),
                entry.dateSeconds(),
                entry.dateNanos(),
                entry.vmStateSize());
    }
}
