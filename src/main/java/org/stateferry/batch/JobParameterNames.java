package org.stateferry.batch;

/**
 * The job parameters. The identifying ones together name one import (one job instance): no clock and no counter is among
 * them except {@link #ROUND}, which goes up when a completed import's snapshot is no longer in the image, and after an
 * import was abandoned. The others are the options of one attempt, kept so that a restart can go by them.
 */
final class JobParameterNames {
    /** The name of the one job. */
    static final String JOB = "import";

    static final String INSTALLATION = "installation";
    static final String IMAGE = "image";
    static final String DUMP = "dump";
    static final String NAME = "name";
    static final String FINGERPRINT = "fingerprint";
    static final String ROUND = "round";

    static final String FORMAT = "format";
    static final String IO = "io";
    static final String COMPRESSION = "compression";
    static final String STRICT = "strict";
    static final String ALLOW_BITMAPS = "allowBitmaps";
    static final String LOCK = "lock";
    static final String VERIFY = "verify";
    static final String LIMIT_BYTES_PER_SECOND = "limitBytesPerSecond";

    /** Virtual size of an image to be made, in bytes; absent if the image must exist. */
    static final String CREATE_SIZE = "createSize";

    static final String CREATE_CLUSTER_SIZE = "createClusterSize";

    private JobParameterNames() {}

    /** One parameter for each other disk, as the value of one has room for few paths. */
    static String otherDisk(int index) {
        return "otherDisk" + index;
    }
}
