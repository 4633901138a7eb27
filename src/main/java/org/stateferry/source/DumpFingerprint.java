package org.stateferry.source;

import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;

/**
 * Identifies a dump without reading all of it: dumps with equal fingerprints are taken to be the same dump.
 *
 * @param size the dump's size, without what follows its stream, in bytes
 * @param modified when it was last modified, in the file system's resolution
 * @param sha256 SHA-256, in lower-case hexadecimal, over the first and then the last {@link #PROBE_SIZE} bytes; they
 *     overlap in a small file
 */
public record DumpFingerprint(long size, Instant modified, String sha256) {
    /** How many bytes at each end are hashed. */
    public static final int PROBE_SIZE = 64 * 1024;

    static DumpFingerprint of(long size, Instant modified, byte[] digest) {
        return new DumpFingerprint(size, modified, HexFormat.of().formatHex(digest));
    }

    /** The fingerprint as one line of at most 200 characters; equal for equal fingerprints only. */
    public String text() {
        return String.format(Locale.ROOT, "%d-%d.%09d-%s", size, modified.getEpochSecond(), modified.getNano(), sha256);
    }
}
