package org.stateferry.home;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;

/**
 * The folder that holds everything the program keeps between runs, and the one place that knows what lies where in it.
 *
 * <p>Immutable, so thread-safe. The folder and its sub-folders exist once an object of this class does.
 */
public final class StateferryHome {
    /** The system property that names the folder. */
    public static final String PROPERTY = "stateferry.home";
    /** The environment variable that names the folder unless {@link #PROPERTY} does. */
    public static final String VARIABLE = "STATEFERRY_HOME";

    /** Name of the file that the repository's owner locks. */
    static final String OWNER_LOCK = "owner.lock";
    /** Name of the file that tells who owns the repository. */
    static final String OWNER = "owner";

    /**
     * H2 ends the file name at a semicolon and takes a backslash for a separator; Spring splits lists at a comma and
     * replaces placeholders; the log's file name is a pattern in which a per cent sign has a meaning.
     */
    private static final Pattern UNUSABLE_IN_A_SETTING =
            Pattern.compile(File.separatorChar == '\\' ? "[;,%]|[$][{]" : "[;,%\\\\]|[$][{]");

    private static final int ID_FILE_SIZE_MAX = 4096;

    private final Path folder;
    private final String installationId;

    private StateferryHome(Path folder, String installationId) {
        this.folder = folder;
        this.installationId = installationId;
    }

    /**
     * Opens the folder that the system property, else the environment variable names, else {@code ~/.stateferry}; makes it
     * if it is missing.
     *
     * <p>Nothing in it is obeyed or written before it is certain that only this user and root can have put it there.
     *
     * @param explicit the folder given on the command line, which precedes all others, or null
     * @throws StateferryException of kind {@link FailureKind#REPOSITORY} if the folder cannot be made or written, of kind
     *     {@link FailureKind#CONFIGURATION} if nothing names a folder, or others can write to it
     */
    public static StateferryHome open(@Nullable Path explicit) throws StateferryException {
        Path folder = explicit != null
                ? explicit
                : locate(System.getProperty(PROPERTY), System.getenv(VARIABLE), System.getProperty("user.home"));
        Path absolute = folder.toAbsolutePath().normalize();
        if (UNUSABLE_IN_A_SETTING.matcher(absolute.toString()).find()) {
            throw StateferryException.in(
                            FailureKind.CONFIGURATION,
                            absolute,
                            "a home whose path has one of ; , % \\ ${ in it cannot be used")
                    .advise("Name another folder in " + VARIABLE + ".");
        }
        return openFolder(absolute);
    }

    static Path locate(@Nullable String property, @Nullable String variable, @Nullable String userHome)
            throws StateferryException {
        if (property != null && !property.isBlank()) {
            return Path.of(property);
        }
        if (variable != null && !variable.isBlank()) {
            return Path.of(variable);
        }
        // The JVM says "?" for a user whom the system does not know, for example in a container.
        if (userHome == null || userHome.isBlank() || userHome.equals("?")) {
            throw StateferryException.of(
                            FailureKind.CONFIGURATION, "this user has no home folder to keep the job repository in")
                    .advise("Set " + VARIABLE + " to a folder that Stateferry may write.");
        }
        return Path.of(userHome, ".stateferry");
    }

    private static StateferryHome openFolder(Path folder) throws StateferryException {
        try {
            Path real = HomeTrust.establish(folder);
            return new StateferryHome(real, readOrMakeId(real.resolve("installation-id")));
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw unusable(folder, e);
        }
    }

    private static String readOrMakeId(Path file) throws IOException {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            PrivateFile.createOnce(file, (UUID.randomUUID() + "\n").getBytes(StandardCharsets.US_ASCII));
        }
        String text = new String(SmallFile.read(file, Links.STAY, ID_FILE_SIZE_MAX), StandardCharsets.US_ASCII).strip();
        try {
            return UUID.fromString(text).toString();
        } catch (IllegalArgumentException e) {
            throw StateferryException.in(FailureKind.REPOSITORY, file, "does not hold a UUID")
                    .causedBy(e)
                    .advise("Remove the file; imports that were interrupted will start over.");
        }
    }

    /** The failure to report when something under this folder cannot be used. */
    public static StateferryException unusable(Path folder, IOException cause) {
        String file = cause instanceof FileSystemException system ? system.getFile() : null;
        return StateferryException.in(
                        FailureKind.REPOSITORY,
                        file == null ? folder : Path.of(file),
                        "cannot be used below Stateferry's home: " + reason(cause))
                .causedBy(cause)
                .advise("Make the folder writable, or name another one in " + VARIABLE + ".");
    }

    private static String reason(IOException cause) {
        if (cause instanceof NoSuchFileException) {
            return "no such file or folder";
        }
        if (cause instanceof FileSystemException system) {
            return system.getReason() == null ? "access denied" : system.getReason();
        }
        return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    }

    /** The folder itself; absolute and real. */
    public Path folder() {
        return folder;
    }

    /** The UUID that tells this home's imports from those of others; made once, never changed. */
    public String installationId() {
        return installationId;
    }

    /** The default repository's database, without the {@code .mv.db} that H2 adds. */
    public Path repositoryDatabase() {
        return folder.resolve("repository").resolve("stateferry");
    }

    /** The file in which the default repository lies. */
    public Path repositoryFile() {
        return folder.resolve("repository").resolve("stateferry.mv.db");
    }

    /** The journals: for each image, what an unfinished import has written to it. */
    public Path journalFolder() {
        return folder.resolve("journal");
    }

    /** Where one process asks another to stop an import. */
    Path stopFolder() {
        return folder.resolve("stop");
    }

    /** The framework's log. */
    public Path logFile() {
        return folder.resolve("log").resolve("stateferry.log");
    }

    /** The logs of single imports. */
    public Path importLogFolder() {
        return folder.resolve("imports");
    }

    /** What the service remembers of imports that are done. */
    public Path rememberedFile() {
        return folder.resolve("remembered.json");
    }

    /** Notifications that must not be lost and are not delivered yet. */
    public Path notificationsFile() {
        return folder.resolve("notifications.json");
    }

    /** The snapshots that definitions have made. */
    public Path snapshotsFile() {
        return folder.resolve("snapshots.json");
    }

    /** Which signatures of requests were used already. */
    public Path usedSignaturesFile() {
        return folder.resolve("signatures.json");
    }

    /** What operators have paused, and when definitions last fired. */
    public Path definitionsFile() {
        return folder.resolve("definitions.json");
    }

    /** The operator's settings, in the form of Java properties; need not exist. */
    public Path settingsFile() {
        return folder.resolve("stateferry.properties");
    }

    /** What runs, as the owner of the repository tells those who wait for it. */
    public Path statusFile() {
        return folder.resolve("status.json");
    }

    /** What has ended, likewise. */
    public Path historyFile() {
        return folder.resolve("history.json");
    }

    /** Where the service answers, as long as one does. */
    Path serviceFile() {
        return folder.resolve("service");
    }

    /** The hash of the password that the service has made at its first start. */
    public Path passwordFile() {
        return folder.resolve("admin-password");
    }

    /** Who had the service change what. */
    public Path auditLog() {
        return folder.resolve("log").resolve("audit.log");
    }

    /** Locked by the process that owns the repository; never deleted. Only {@link RepositoryOwnership} opens it. */
    Path ownerLockFile() {
        return folder.resolve(OWNER_LOCK);
    }

    /** Says who owns the repository. */
    Path ownerFile() {
        return folder.resolve(OWNER);
    }

    @Override
    public String toString() {
        return folder.toString();
    }
}
