package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.HeaderSwitch;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * A change of an image's snapshots that is complete on stable storage but for the header. The arrays are not to be changed.
 *
 * @param snapshot the table entry of the snapshot that is added or changed, or of one that is removed
 * @param sectorBefore the header sector of the old image
 * @param sectorAfter the header sector of the new image
 */
public record StagedSwitch(SnapshotTableEntry snapshot, byte[] sectorBefore, byte[] sectorAfter) {

    /**
     * Writes the header sector, forces it, and reads it back. Up to here the image is the old one, from here on the new one,
     * wherever the machine stops.
     *
     * @param file the image that the change was staged in
     * @throws StateferryException after which only the header itself tells whether the switch has happened
     */
    public void carryOut(ImageFile file) throws StateferryException {
        requireHeader(file, sectorBefore, FailureKind.CONFLICT, "the image's header was changed meanwhile");
        file.write(ByteBuffer.wrap(sectorAfter), 0);
        // Barrier: success is reported, and the journal given up, only for a header on stable storage.
        file.force();
        requireHeader(file, sectorAfter, FailureKind.VERIFICATION, "the header does not read back as it was written");
    }

    private static void requireHeader(ImageFile file, byte[] expected, FailureKind kind, String problem)
            throws StateferryException {
        ByteBuffer sector = ByteBuffer.allocate(HeaderSwitch.SECTOR_SIZE);
        file.read(sector, 0);
        if (!Arrays.equals(sector.array(), expected)) {
            throw StateferryException.at(kind, file.path(), 0, problem);
        }
    }
}
