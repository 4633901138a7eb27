package org.stateferry.batch;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.stream.StreamFacts;

/**
 * What an import would do; made without the job repository and without a change to anything.
 *
 * @param alreadyImported whether the image holds this vmstate under this name already
 * @param vmStateSize bytes of vmstate
 * @param growth bytes by which the image may grow at most
 * @param usableSpace bytes that the file system has
 * @param facts what the stream says about its machine, or null for an opaque dump
 * @param warnings what the operator was warned about
 */
public record ImportPreview(
        boolean alreadyImported,
        long vmStateSize,
        long growth,
        long usableSpace,
        @Nullable StreamFacts facts,
        List<String> warnings) {

    /**
     * Opens both files, locks the image, and makes every check that an import makes before its first byte.
     *
     * @param progress hears warnings and notices
     * @throws StateferryException that with which the import would be refused
     */
    public static ImportPreview of(ImportRequest request, StateferryHome home, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        try (ImportSession session = ImportSession.open(request, home, FileAccess.PLAIN, progress, stop)) {
            SnapshotPresence presence = session.presence();
            long size = session.dump().streamLength();
            long usable = session.openImage().usableSpace();
            if (presence.sameVmState()) {
                return new ImportPreview(true, size, 0, usable, session.dump().facts(), session.warnings());
            }
            ImportChecks checks = new ImportChecks(session);
            CheckReport report = checks.run(presence);
            checks.requireSpace(report, 0);
            return new ImportPreview(
                    false,
                    size,
                    checks.growth(report, 0),
                    usable,
                    session.dump().facts(),
                    session.warnings());
        }
    }
}
