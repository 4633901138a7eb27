package org.stateferry.source;

import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;

/**
 * Tells one dump from another without reading all of it: two dumps with the same fingerprint are taken for the same.
 *
 * @param size the file's size in bytes
 * @param modified when it was last modified, as fine as the file system keeps it
 * @param sha256 SHA-256, in lower-case hexadecimal, over the first and then the last {@link #PROBE_SIZE} bytes; they
 *     overlap in a small file
 */
public record DumpFingerprint(long size, Instant modified, String sha256) {
    /** How many bytes of either end are hashed. */
    public static final int PROBE_SIZE = 64 * 1024;

    static DumpFingerprint of(long size, Instant modified, byte[] digest) {
        return new DumpFingerprint(size, modified, HexFormat.of().formatHex(digest));
    }

    /** One short line that equal fingerprints have in common and others do not; at most 200 characters. */
    public String text() {
        return String.format(Locale.ROOT, "%d-%d.%09d-%s", size, modified.getEpochSecond(), modified.getNano(), sha256);
    }
}
