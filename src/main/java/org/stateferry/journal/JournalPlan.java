package org.stateferry.journal;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The plan of an import; a restart continues only if all of it still holds.
 *
 * @param importKey names the import: its identifying parameters
 * @param role what the import has to do with the image
 * @param imageKey device and inode of the image
 * @param streamLength bytes of the stream, or {@link #UNKNOWN_LENGTH} as long as its end has not been reached
 * @param bufferSize bytes of a full buffer
 * @param clusterSize bytes of a cluster
 * @param incompatibleFeatures the image's incompatible feature bits
 * @param originalLength the file's length when the import first started, in bytes
 * @param imageModifiedMillis when somebody else last modified the image, milliseconds since 1970
 */
public record JournalPlan(
        String importKey,
        Role role,
        String imageKey,
        long streamLength,
        int bufferSize,
        int clusterSize,
        long incompatibleFeatures,
        long originalLength,
        long imageModifiedMillis) {
    /** The length of a stream that has to be read to know it. */
    public static final long UNKNOWN_LENGTH = -1;

    private static final List<Role> ROLES = List.of(Role.values());

    /** "SFJRNL04"; 03 told no clock, 02 had no role and one checksum a record, 01 buffers that lay in one piece. */
    private static final long MAGIC = 0x5346_4a52_4e4c_3034L;

    /** What an import has to do with an image. The order is that of the numbers in the file. */
    public enum Role {
        /** The image gets the vmstate. */
        VM_STATE,
        /** The image gets a snapshot of its disk alone, as another image gets the vmstate. */
        DISK_ONLY
    }

    /** Whether the length of the stream is known. */
    public boolean isLengthKnown() {
        return streamLength != UNKNOWN_LENGTH;
    }

    /** This plan, now that the stream's end has been reached. */
    public JournalPlan withStreamLength(long length) {
        return new JournalPlan(
                importKey,
                role,
                imageKey,
                length,
                bufferSize,
                clusterSize,
                incompatibleFeatures,
                originalLength,
                imageModifiedMillis);
    }

    /** Whether what was done by another plan for the same stream fits this one. */
    public boolean fitsStream(JournalPlan other) {
        return !isLengthKnown() || !other.isLengthKnown() || streamLength == other.streamLength;
    }

    /** The offset in the stream behind so many buffers, which is its end behind the last; not above it if it is known. */
    public long endOf(long buffers) {
        long end = buffers * bufferSize;
        return isLengthKnown() ? Math.min(end, streamLength) : end;
    }

    /** How many buffers the stream fills; without end as long as its length is not known. */
    public long bufferCount() {
        return !isLengthKnown() ? Long.MAX_VALUE : (streamLength + bufferSize - 1) / bufferSize;
    }

    /** Whether a buffer can have so many clusters: as many as its content fills, and of a stream without end any number. */
    boolean canHave(long index, int entryCount) {
        if (!isLengthKnown()) {
            return entryCount > 0 && entryCount <= bufferSize / clusterSize;
        }
        return entryCount == entryCount(index);
    }

    /** Whether so many full buffers can follow one another from an index on. */
    boolean canHaveRun(long index, int count) {
        return count > 1 && (!isLengthKnown() || index + count <= streamLength / bufferSize);
    }

    /** How many clusters the content of a buffer fills; the stream's length is known. */
    int entryCount(long index) {
        long content = Math.min(bufferSize, streamLength - index * bufferSize);
        return (int) ((content + clusterSize - 1) / clusterSize);
    }

    /** Bytes of the record of a full buffer. */
    int recordSize() {
        return BufferRecord.sizeWith(bufferSize / clusterSize);
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeLong(MAGIC);
            out.writeUTF(importKey);
            out.writeByte(role.ordinal());
            out.writeUTF(imageKey);
            out.writeLong(streamLength);
            out.writeInt(bufferSize);
            out.writeInt(clusterSize);
            out.writeLong(incompatibleFeatures);
            out.writeLong(originalLength);
            out.writeLong(imageModifiedMillis);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory failed", e);
        }
        return bytes.toByteArray();
    }

    /** Reads a plan; null if {@code content} is none. */
    static @Nullable JournalPlan decode(byte @Nullable [] content) {
        if (content == null) {
            return null;
        }
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(content))) {
            if (in.readLong() != MAGIC) {
                return null;
            }
            String importKey = in.readUTF();
            int role = in.readByte();
            if (role < 0 || role >= ROLES.size()) {
                return null;
            }
            return new JournalPlan(
                    importKey,
                    ROLES.get(role),
                    in.readUTF(),
                    in.readLong(),
                    in.readInt(),
                    in.readInt(),
                    in.readLong(),
                    in.readLong(),
                    in.readLong());
        } catch (IOException e) {
            return null;
        }
    }
}
