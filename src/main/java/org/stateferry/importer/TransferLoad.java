package org.stateferry.importer;

/**
 * How an import's transfer used the system.
 *
 * @param inFlightShare in what part of its time at least one write was in flight, from 0 to 1
 * @param readCalls how many times the process read, by system calls; 0 if the system does not tell
 * @param writeCalls how many times it wrote; copies made by the kernel count as both
 * @param bytesRead how many bytes these calls read, from whatever files
 * @param bytesWritten how many bytes they wrote, to whatever files
 */
public record TransferLoad(double inFlightShare, long readCalls, long writeCalls, long bytesRead, long bytesWritten) {
    /** The load of an import that transferred nothing. */
    public static final TransferLoad NONE = new TransferLoad(0, 0, 0, 0, 0);
}
