package org.stateferry.repository;

import java.util.List;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.stateferry.error.FailureKind;

/**
 * The keys under which an attempt keeps what the history shows, in the <em>job</em> execution context. Numbers are longs,
 * the rest strings; {@link #WARNINGS} holds lines joined by {@code \n}.
 */
public final class ContextKeys {
    /** Stream bytes in all. */
    public static final String BYTES = "stateferry.bytes";
    /** Bytes this attempt wrote to the image. */
    public static final String BYTES_WRITTEN = "stateferry.bytesWritten";
    /** Lowest contiguous completed boundary of the stream, in bytes. */
    public static final String CHECKPOINT = "stateferry.checkpoint";

    public static final String TRANSFER_MILLIS = "stateferry.transferMillis";
    public static final String PUBLISH_MILLIS = "stateferry.publishMillis";
    public static final String SNAPSHOT_ID = "stateferry.snapshotId";
    /** What the vmstate must read back as. */
    public static final String CHECKSUM = "stateferry.checksum";

    public static final String WARNINGS = "stateferry.warnings";
    /** The first error's {@link FailureKind#tag() tag}. */
    public static final String ERROR_KIND = "stateferry.error.kind";

    public static final String ERROR_FILE = "stateferry.error.file";
    /** Byte offset, or -1. */
    public static final String ERROR_OFFSET = "stateferry.error.offset";

    public static final String ERROR_MESSAGE = "stateferry.error.message";
    /** How many further errors were counted after the first. */
    public static final String ERROR_LATER_COUNT = "stateferry.error.laterCount";

    private static final List<String> OF_ONE_ATTEMPT = List.of(
            BYTES_WRITTEN,
            TRANSFER_MILLIS,
            PUBLISH_MILLIS,
            WARNINGS,
            ERROR_KIND,
            ERROR_FILE,
            ERROR_OFFSET,
            ERROR_MESSAGE,
            ERROR_LATER_COUNT);

    private ContextKeys() {}

    /**
     * Takes out what belongs to the attempt before: Spring Batch starts a restarted execution with a copy of the last
     * one's context.
     */
    public static void beginAttempt(ExecutionContext context) {
        OF_ONE_ATTEMPT.forEach(context::remove);
    }
}
