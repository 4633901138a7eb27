package org.stateferry.importer.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.journal.Journal;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.OpenImage;

/** Names of journals and keys of imports. A journal belongs to an image, as only one import at a time can lock that. */
public final class JournalFiles {
    /** How all of their names end. */
    static final String SUFFIX = ".journal";

    private static final int NAME_DIGITS = 32;

    private JournalFiles() {}

    /** Where the journal of an image lies. */
    public static Path pathFor(StateferryHome home, Path realImage) {
        String digest = digest(realImage.toString());
        return home.journalFolder().resolve(digest.substring(0, NAME_DIGITS) + SUFFIX);
    }

    /** A short key for all that identifies an import but its round. */
    public static String importKey(ImportIdentity identity) {
        String otherDisks =
                identity.otherDisks().stream().map(disk -> "\0" + disk).collect(Collectors.joining());
        return digest(String.join(
                        "\0",
                        identity.installationId(),
                        identity.image().toString(),
                        identity.dump().toString(),
                        identity.name(),
                        identity.fingerprint())
                + otherDisks);
    }

    /** Whether a journal is that of an attempt at this import which did not come to its end. */
    public static boolean isUnfinished(Journal journal, ImportIdentity identity) {
        return !journal.isFinished() && journal.plan().importKey().equals(importKey(identity));
    }

    /** Whether an attempt at this import left this journal about this very file, and did not come to its end. */
    static boolean isLeft(Path path, ImportIdentity identity, OpenImage file) throws StateferryException {
        Optional<Journal> found = Journal.openForReading(path);
        if (found.isEmpty()) {
            return false;
        }
        try (Journal journal = found.get()) {
            return isUnfinished(journal, identity) && journal.plan().imageKey().equals(file.key());
        }
    }

    /**
     * Ends the journal of an import that is given up. What it keeps tells a later import that not a guest but we have
     * modified the image last.
     *
     * @param image the image as we leave it, or null if somebody else has modified it since
     */
    static void end(Journal journal, Path journalPath, @Nullable FileIdentity image) throws StateferryException {
        if (image == null) {
            delete(journalPath);
        } else {
            journal.recordFinished(image.modified().toEpochMilli());
        }
    }

    /** Removes a journal. */
    public static void delete(Path journal) throws StateferryException {
        try {
            Files.deleteIfExists(journal);
        } catch (IOException e) {
            throw FileFailures.translate(e, journal, StateferryException.NO_OFFSET, "removing the journal");
        }
    }

    /** The SHA-256 of a text, in hexadecimal digits. */
    static String digest(String text) {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(sha.digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
