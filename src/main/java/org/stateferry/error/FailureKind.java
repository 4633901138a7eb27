package org.stateferry.error;

/**
 * What kind of failure ended a piece of work: the one place that maps a failure to the exit code, to the tag of the
 * failure metric and to the headline of a problem report.
 *
 * <p>Constants are stable: operators match on {@link #tag()} and on {@link #exitCode()}.
 */
public enum FailureKind {
    /** A bug of ours, or anything nobody foresaw. */
    INTERNAL(1, "internal", "Internal error", false, "Report this, with the end of log/stateferry.log in the home."),
    /** An operating system call on a file failed for a reason other than lack of space. */
    IO(
            1,
            "io",
            "Input/output error",
            true,
            "See what the kernel's log (dmesg) says about the disk, then run the same command again."),
    /** The command line, or an identifier given on it, is not understood. */
    USAGE(2, "usage", "Usage error", false, "See stateferry --help."),
    /** The dump does not exist or cannot be opened. */
    DUMP_MISSING(
            10,
            "dump-missing",
            "Dump missing",
            true,
            "Check the path and the right to read it, then run the same command again."),
    /** The dump is not recognised, or it is damaged or incomplete. */
    DUMP_INVALID(10, "dump-invalid", "Dump not valid", false, "Save the state again."),
    /** The dump is intact, but of a kind that no snapshot can load. */
    DUMP_UNFIT(
            10,
            "dump-unfit",
            "Dump unfit for a snapshot",
            false,
            "Save the state again without the feature named here, or import another dump."),
    /** Another program holds the image. */
    IMAGE_IN_USE(
            11,
            "image-in-use",
            "Image in use",
            true,
            "Wait until nothing else uses the image, then run the same command again."),
    /** The image does not exist or cannot be opened for writing. */
    IMAGE_MISSING(
            12,
            "image-missing",
            "Image missing",
            true,
            "Check the path and the right to read and write it, then run the same command again."),
    /** The file is not a qcow2 image, or it has a feature that excludes snapshots with a vmstate. */
    IMAGE_UNSUPPORTED(
            12,
            "image-unsupported",
            "Image not supported",
            false,
            "Make a copy with qemu-img convert -O qcow2, which has no snapshots, and use that."),
    /** The image's own structures contradict each other. */
    IMAGE_CORRUPT(
            12,
            "image-corrupt",
            "Image damaged",
            false,
            "Repair a copy of the image with qemu-img check -r all, then run again. If errors stay, qemu-img convert -O qcow2"
                    + " may still make a copy of the disk, without the snapshots."),
    /** The request contradicts what the image holds, for example a snapshot name that is taken. */
    CONFLICT(12, "conflict", "Conflict with the image's content", false, "Choose another name or another image."),
    /** The file system, a quota or a file size limit has no room. */
    NO_SPACE(13, "no-space", "No space", true, "Make room and run the same command again."),
    /** What was read back differs from what was written. */
    VERIFICATION(14, "verification", "Verification failed", false, "Make the snapshot again from its dump."),
    /** The job repository is in use, unavailable or damaged. */
    REPOSITORY(15, "repository", "Job repository not available", true, "Run the same command again in a moment."),
    /** A configuration property or a job definition is not valid. */
    CONFIGURATION(78, "configuration", "Configuration not valid", false, "Correct the setting, then run again."),
    /** The operator stopped the work before the image was switched over. */
    INTERRUPTED(130, "interrupted", "Interrupted", true, "Run the same command again.");

    private final int exitCode;
    private final String tag;
    private final String title;
    private final boolean transientFailure;
    private final String nextStep;

    FailureKind(int exitCode, String tag, String title, boolean transientFailure, String nextStep) {
        this.exitCode = exitCode;
        this.tag = tag;
        this.title = title;
        this.transientFailure = transientFailure;
        this.nextStep = nextStep;
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

    /** What helps with most failures of this kind: the next step of those that know no better one. */
    public String nextStep() {
        return nextStep;
    }
}
