package org.stateferry.batch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.core.env.Environment;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.host.TrustedFolder;
import org.stateferry.host.TrustedFolder.Objection;
import org.stateferry.storage.FileFailures;

/**
 * The databases that can hold the job repository: H2 in a file, and PostgreSQL. An H2 URL can do far more than open a
 * database: run SQL, and with it Java, at every connection (INIT), open a port (AUTO_SERVER), read a database out of an
 * archive. None of that is ever needed here, so only what is known to be harmless is let through.
 */
final class DatabaseUrl {
    private static final String H2 = "jdbc:h2:";
    private static final String H2_FILE = H2 + "file:";
    private static final String POSTGRESQL = "jdbc:postgresql:";

    /** Where a URL may stand that a database is opened by. */
    private static final List<String> SETTINGS =
            List.of("spring.datasource.url", "spring.datasource.hikari.jdbc-url", "spring.flyway.url");

    /** Settings of an H2 URL that do nothing but tune, or log in. */
    private static final Set<String> HARMLESS = Set.of(
            "USER",
            "PASSWORD",
            "CIPHER",
            "IFEXISTS",
            "WRITE_DELAY",
            "DB_CLOSE_DELAY",
            "DB_CLOSE_ON_EXIT",
            "DEFAULT_LOCK_TIMEOUT",
            "LOCK_TIMEOUT",
            "CACHE_SIZE",
            "COMPRESS",
            "MAX_COMPACT_TIME",
            "RETENTION_TIME",
            "TRACE_LEVEL_FILE",
            "TRACE_MAX_FILE_SIZE");

    /** A file system of H2's own, such as zip:, split: or memFS:; one letter is a drive. */
    private static final Pattern OTHER_FILE_SYSTEM = Pattern.compile("[A-Za-z][A-Za-z0-9+]+:.*");

    private DatabaseUrl() {}

    /**
     * Refuses to open anything else.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION} that names the setting and what is wrong with it
     */
    static void requireHarmless(Environment settings, StateferryHome home) throws StateferryException {
        for (String name : SETTINGS) {
            String url = settings.getProperty(name);
            String objection = url == null ? null : objection(url.strip());
            if (url != null && objection == null) {
                objection = objectionToFolder(url.strip());
            }
            if (objection != null) {
                throw StateferryException.in(
                                FailureKind.CONFIGURATION, home.settingsFile(), "the setting " + name + " " + objection)
                        .advise("Use jdbc:h2:file:PATH or jdbc:postgresql://HOST/DATABASE, in this file or in the"
                                + " environment; without the setting, the job repository lies in the home.");
            }
        }
    }

    /** Whether the job repository is in PostgreSQL. */
    static boolean isPostgresql(Environment settings) {
        return settings.getProperty(SETTINGS.get(0), "")
                .strip()
                .toLowerCase(Locale.ROOT)
                .startsWith(POSTGRESQL);
    }

    /** A database can hold triggers that run Java, so what others may have put there is not opened. */
    private static @Nullable String objectionToFolder(String url) throws StateferryException {
        if (!url.toLowerCase(Locale.ROOT).startsWith(H2_FILE)) {
            return null;
        }
        String name = url.substring(H2_FILE.length()).replaceFirst(";.*", "");
        Path database = Path.of(name.startsWith("~") ? System.getProperty("user.home") + name.substring(1) : name);
        try {
            Path folder = database.toAbsolutePath().normalize().getParent();
            while (folder != null && !Files.exists(folder)) {
                folder = folder.getParent();
            }
            Optional<Objection> objection =
                    folder == null ? Optional.empty() : TrustedFolder.objection(folder.toRealPath());
            return objection
                    .map(found -> "is not for a folder that can be trusted: " + found)
                    .orElse(null);
        } catch (IOException e) {
            throw FileFailures.translate(
                    e, database, StateferryException.NO_OFFSET, "looking at the database's folder");
        }
    }

    /** What is wrong with a URL, in words that follow the setting's name, or null. */
    static @Nullable String objection(String url) {
        String lower = url.toLowerCase(Locale.ROOT);
        if (lower.startsWith(POSTGRESQL)) {
            return null;
        }
        if (!lower.startsWith(H2)) {
            return "is of neither H2 nor PostgreSQL";
        }
        String[] parts = url.split(";", -1);
        if (!lower.startsWith(H2_FILE)) {
            return "is an H2 URL for something else than a file ("
                    + parts[0].substring(H2.length()).replaceFirst("[:/].*", "") + ")";
        }
        if (OTHER_FILE_SYSTEM.matcher(parts[0].substring(H2_FILE.length())).matches()) {
            return "is an H2 URL for a file in another form (" + parts[0] + ")";
        }
        for (int index = 1; index < parts.length; index++) {
            String part = parts[index].strip();
            String name = part.replaceFirst("=.*", "").toUpperCase(Locale.ROOT);
            // A backslash lets H2 take the semicolon behind it for a part of the value.
            if (part.indexOf('\\') >= 0 || !(part.isEmpty() || HARMLESS.contains(name))) {
                return "has the H2 option " + name + ", which is not allowed";
            }
        }
        return null;
    }
}
