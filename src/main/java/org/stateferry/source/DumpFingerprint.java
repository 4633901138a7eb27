package org.stateferry.source;

import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;

/**
 * Identifies a dump without reading all of it: dumps with equal fingerprints are taken to be the same dump.
 *
 * @param size the dump's size, without what follows its stream, in bytes; -1 for a pipe
 * @param modified when it was last modified, in the file system's resolution
 * @param sha256 SHA-256, in lower-case hexadecimal, over the first and then the last {@link #PROBE_SIZE} bytes; they
 *     overlap in a small file
 */
public record DumpFingerprint(long size, Instant modified, String sha256) {
    /** How many bytes at each end are hashed. */
    public static final int PROBE_SIZE = 64 * 1024;

    /** What the text of a pipe's fingerprint begins with. */
    private static final String PIPE = "pipe-";

    private static final long NO_SIZE = -1;

    /**
     * That of what comes through a pipe, which is no other dump's, not even if the same bytes come once more: nothing of it
     * can be looked at again.
     *
     * @param opened when it was opened
     * @param digest of its beginning and of something that is never the same
     */
    static DumpFingerprint ofPipe(Instant opened, byte[] digest) {
        return of(NO_SIZE, opened, digest);
    }

    /** Whether a fingerprint's text is that of a pipe. */
    public static boolean isOfPipe(String text) {
        return text.startsWith(PIPE);
    }

    static DumpFingerprint of(long size, Instant modified, byte[] digest) {
        return new DumpFingerprint(size, modified, HexFormat.of().formatHex(digest));
    }

    /** The fingerprint as one line of at most 200 characters; equal for equal fingerprints only. */
    public String text() {
        return String.format(
                Locale.ROOT,
                "%s-%d.%09d-%s",
                size == NO_SIZE ? PIPE.substring(0, PIPE.length() - 1) : Long.toString(size),
                modified.getEpochSecond(),
                modified.getNano(),
                sha256);
    }
}
