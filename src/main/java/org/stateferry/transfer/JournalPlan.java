package org.stateferry.transfer;

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

    /** How many buffers the stream fills. */
    public long bufferCount() {
        return (streamLength + bufferSize - 1) / bufferSize;
    }
}
