package org.stateferry.transfer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/**
 * What an import set out to do; a restart goes on only if all of it still holds.
 *
 * @param importKey names the import: its identifying parameters
 * @param imageKey device and inode of the image
 * @param streamLength bytes of the stream
 * @param bufferSize bytes of a full buffer
 * @param clusterSize bytes of a cluster
 * @param incompatibleFeatures the image's incompatible feature bits
 * @param originalLength the file's length when the import first started, in bytes
 * @param imageModifiedMillis when somebody else last modified the image, milliseconds since 1970
 */
public record JournalPlan(
        String importKey,
        String imageKey,
        long streamLength,
        int bufferSize,
        int clusterSize,
        long incompatibleFeatures,
        long originalLength,
        long imageModifiedMillis) {
    /** Bytes of a buffer's record before the entries of its clusters; a checksum follows them. */
    static final int RECORD_FIXED_SIZE = 8 + 4 + 4 + 8 + 4;

    /** "SFJRNL02"; 01 had buffers that lay in one piece. */
    private static final long MAGIC = 0x5346_4a52_4e4c_3032L;

    /** How many buffers the stream fills. */
    public long bufferCount() {
        return (streamLength + bufferSize - 1) / bufferSize;
    }

    /** How many clusters the content of a buffer fills. */
    public int entryCount(long index) {
        long content = Math.min(bufferSize, streamLength - index * bufferSize);
        return (int) ((content + clusterSize - 1) / clusterSize);
    }

    /** Bytes of the record of a full buffer. */
    int recordSize() {
        return RECORD_FIXED_SIZE + Long.BYTES * (bufferSize / clusterSize) + Integer.BYTES;
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeLong(MAGIC);
            out.writeUTF(importKey);
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
            return new JournalPlan(
                    in.readUTF(),
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
