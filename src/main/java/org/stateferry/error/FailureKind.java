package org.stateferry.error;

/**
 * What kind of failure ended a piece of work: the one place that maps a failure to the exit code, to the tag of the
 * failure metric and to the headline of a problem report.
 *
 * <p>Constants are stable: operators match on {@link #tag()} and on {@link #exitCode()}.
 */
public enum FailureKind {
    /** A bug of ours, or anything nobody foresaw. */
    INTERNAL(1, "internal", "Internal error", false),
    /** An operating system call on a file failed for a reason other than lack of space. */
    IO(1, "io", "Input/output error", true),
    /** The command line, or an identifier given on it, is not understood. */
    USAGE(2, "usage", "Usage error", false),
    /** The dump does not exist or cannot be opened. */
    DUMP_MISSING(10, "dump-missing", "Dump missing", true),
    /** The dump is not recognised, or it is damaged or incomplete. */
    DUMP_INVALID(10, "dump-invalid", "Dump not valid", false),
    /** The dump is intact, but of a kind that no snapshot can load. */
    DUMP_UNFIT(10, "dump-unfit", "Dump unfit for a snapshot", false),
    /** Another program holds the image. */
    IMAGE_IN_USE(11, "image-in-use", "Image in use", true),
    /** The image does not exist or cannot be opened for writing. */
    IMAGE_MISSING(12, "image-missing", "Image missing", true),
    /** The file is not a qcow2 image, or it has a feature that excludes snapshots with a vmstate. */
    IMAGE_UNSUPPORTED(12, "image-unsupported", "Image not supported", false),
    /** The image's own structures contradict each other. */
    IMAGE_CORRUPT(12, "image-corrupt", "Image damaged", false),
    /** The request contradicts what the image holds, for example a snapshot name that is taken. */
    CONFLICT(12, "conflict", "Conflict with the image's content", false),
    /** The file system, a quota or a file size limit has no room. */
    NO_SPACE(13, "no-space", "No space", true),
    /** What was read back differs from what was written. */
    VERIFICATION(14, "verification", "Verification failed", false),
    /** The job repository is in use, unavailable or damaged. */
    REPOSITORY(15, "repository", "Job repository not available", true),
    /** A configuration property or a job definition is not valid. */
    CONFIGURATION(78, "configuration", "Configuration not valid", false),
    /** The operator stopped the work before the image was switched over. */
    INTERRUPTED(130, "interrupted", "Interrupted", true);

    private final int exitCode;
    private final String tag;
    private final String title;
    private final boolean transientFailure;

    FailureKind(int exitCode, String tag, String title, boolean transientFailure) {
        this.exitCode = exitCode;
        this.tag = tag;
        this.title = title;
        this.transientFailure = transientFailure;
    }

    /** The process exit code, as documented in README and {@code --help}. */
    public int exitCode() {
        return exitCode;
    }

    /** The value of the metric tag {@code kind}: lower case, words joined by hyphens. */
    public String tag() {
        return tag;
    }

    /** A headline of a few words for problem reports. */
    public String title() {
        return title;
    }

    /**
     * Whether the same request can succeed later without a change to its inputs. An import that failed this way keeps
     * what it has written, so that a restart continues from there.
     */
    public boolean isTransient() {
        return transientFailure;
    }
}
