package org.stateferry.exporter;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Identifies what an export writes. Two exports with equal identities write the same bytes: same image file, not
 * modified in between, same snapshot entry and L1 table, same layout and compression, same head.
 */
final class ExportIdentity {
    private static final int STEP = 64 * 1024;

    private ExportIdentity() {}

    /**
     * A SHA-256 of all that.
     *
     * @param found the file that the image is
     * @param head its position stays
     */
    static byte[] of(FileStatus found, Qcow2Image image, SavedState state, ByteBuffer head, Compression compression)
            throws StateferryException {
        MessageDigest digest = sha256();
        SnapshotTableEntry entry = state.entry();
        add(digest, found.key().getBytes(StandardCharsets.UTF_8));
        add(digest, entry.id());
        add(digest, entry.name());
        add(digest, entry.extraData());
        digest.update(ByteBuffer.allocate(11 * Long.BYTES)
                .putLong(found.size())
                .putLong(found.modified().getEpochSecond())
                .putLong(found.modified().getNano())
                .putLong(entry.l1TableOffset())
                .putLong(entry.l1Size())
                .putLong(entry.dateSeconds())
                .putLong(entry.dateNanos())
                .putLong(entry.vmClockNanos())
                .putLong(state.content().size())
                .putInt(state.mappedRam() ? 1 : 0)
                .putInt(compression.ordinal())
                .putInt(head.remaining())
                .flip());
        digest.update(head.duplicate());
        addTable(digest, image, entry);
        return digest.digest();
    }

    /** The same of a file that is written as a whole. */
    static byte[] of(byte[] content) {
        return sha256().digest(content);
    }

    private static void addTable(MessageDigest digest, Qcow2Image image, SnapshotTableEntry entry)
            throws StateferryException {
        long size = (long) entry.l1Size() * Long.BYTES;
        ByteBuffer piece = ByteBuffer.allocate((int) Math.min(STEP, size));
        for (long done = 0; done < size; done += piece.limit()) {
            piece.clear().limit((int) Math.min(STEP, size - done));
            image.file().read(piece, entry.l1TableOffset() + done);
            digest.update(piece.flip());
        }
    }

    private static void add(MessageDigest digest, byte[] bytes) {
        digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).flip());
        digest.update(bytes);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
