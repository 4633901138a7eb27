package org.stateferry.journal;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.StagedSwitch;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * What the header switch is about to do, on stable storage before it happens.
 *
 * @param sectorBefore the header sector of the old image
 * @param sectorAfter the header sector of the new image
 * @param snapshotId the new snapshot's id
 * @param l1TableOffset host offset of its L1 table
 * @param vmStateSize bytes of its vmstate
 */
public record PublishIntent(
        byte[] sectorBefore, byte[] sectorAfter, String snapshotId, long l1TableOffset, long vmStateSize) {
    private static final int SECTOR_SIZE = 512;

    /** What is recorded before a staged switch is carried out. */
    public static PublishIntent of(StagedSwitch staged) {
        return new PublishIntent(
                staged.sectorBefore(),
                staged.sectorAfter(),
                staged.snapshot().idText(),
                staged.snapshot().l1TableOffset(),
                staged.snapshot().vmStateSize());
    }

    /**
     * The snapshot in the image as it is now that has the id and the L1 table announced here: whether the switch has happened,
     * the image decides.
     */
    public Optional<SnapshotTableEntry> publishedIn(Qcow2Image image) throws StateferryException {
        return image.snapshotTable().findById(snapshotId).filter(entry -> entry.l1TableOffset() == l1TableOffset);
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.write(sectorBefore);
            out.write(sectorAfter);
            out.writeUTF(snapshotId);
            out.writeLong(l1TableOffset);
            out.writeLong(vmStateSize);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory failed", e);
        }
        return bytes.toByteArray();
    }

    /** Reads an intent; null if {@code content} is none. */
    static @Nullable PublishIntent decode(byte @Nullable [] content) {
        if (content == null) {
            return null;
        }
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(content))) {
            return new PublishIntent(
                    in.readNBytes(SECTOR_SIZE), in.readNBytes(SECTOR_SIZE), in.readUTF(), in.readLong(), in.readLong());
        } catch (IOException e) {
            return null;
        }
    }
}
