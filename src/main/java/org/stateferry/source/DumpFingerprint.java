package org.stateferry.source;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.StreamFile;

/**
 * Identifies a dump without reading all of it: dumps with equal fingerprints are taken to be the same dump.
 *
 * @param size the dump's size, without what follows its stream, in bytes; -1 for a pipe
 * @param modified when it was last modified, in the file system's resolution
 * @param sha256 SHA-256, in lower-case hexadecimal, over the first and then the last {@link #PROBE_SIZE} bytes; they
 *     overlap in a small file. On a block device, which tells no time, over more of it
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

    /**
     * That of {@code length} bytes of {@code content} from {@code start} on.
     *
     * @param mark what else tells this dump from others
     */
    static DumpFingerprint of(StreamFile content, long start, long length, Instant modified, byte[] mark)
            throws StateferryException {
        int probeSize = (int) Math.min(length, PROBE_SIZE);
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            sha256.update(mark);
            sha256.update(content.read(start, probeSize));
            sha256.update(content.read(start + length - probeSize, probeSize));
            return of(length, modified, sha256.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
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
