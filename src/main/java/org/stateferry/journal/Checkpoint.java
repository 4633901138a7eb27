package org.stateferry.journal;

/**
 * How far an import has come, as recorded before each commit of the job repository.
 *
 * @param boundary lowest contiguous completed position of the stream, in bytes
 * @param checkerPosition stream position at which the checker's state was taken; not above the boundary
 * @param checkerState the stream checker's state there
 */
public record Checkpoint(long boundary, long checkerPosition, byte[] checkerState) {}
