package org.stateferry.batch;

/**
 * The identifying job parameters: together they name one import (one job instance). No clock and no counter is among them
 * except {@link #ROUND}, which goes up when a completed import's snapshot is no longer in the image.
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

    private JobParameterNames() {}
}
