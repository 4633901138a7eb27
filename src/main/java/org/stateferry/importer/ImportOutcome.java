package org.stateferry.importer;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.IoMode;
import org.stateferry.stream.StreamFacts;

/**
 * The result of a successful import. Failures are {@link StateferryException}s.
 *
 * @param state whether this run wrote the snapshot or found it there
 * @param importId the import's number in the history, or 0 if the repository has no record of it
 * @param snapshotId the snapshot's id in the image
 * @param snapshots the snapshot in each of the images, that with the vmstate first
 * @param checksum what the vmstate must read back as ({@code StateChecksum}); null if that was not recorded
 * @param vmStateSize bytes of vmstate
 * @param bytesWritten bytes that this run has put into the image, in whatever way
 * @param bytesShared how many of them share the dump's blocks and were not written
 * @param bytesCopied how many of them the kernel has copied from file to file
 * @param load how the transfer used the system
 * @param transferMillis duration of the transfer
 * @param publishMillis duration of the publish
 * @param io how this run got the data into the image, never {@link IoMode#AUTO}; null if the image had its snapshot already
 * @param facts what the stream says about its machine, or null for an opaque dump
 * @param warnings what the operator was warned about
 */
public record ImportOutcome(
        State state,
        long importId,
        String snapshotId,
        List<MadeSnapshot> snapshots,
        @Nullable String checksum,
        long vmStateSize,
        long bytesWritten,
        long bytesShared,
        long bytesCopied,
        TransferLoad load,
        long transferMillis,
        long publishMillis,
        @Nullable IoMode io,
        @Nullable StreamFacts facts,
        List<String> warnings) {

    /** The good ends. */
    public enum State {
        /** This run wrote the snapshot. */
        IMPORTED,
        /** The image held the vmstate, and this run gave the snapshot to those of the other disks that lacked it. */
        DISKS_COMPLETED,
        /** The image holds this very vmstate under this name already, and every other disk its snapshot. */
        ALREADY_IMPORTED
    }
}
