package org.stateferry.batch;

import java.io.IOException;
import java.nio.file.Files;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;

/**
 * Gives back the space of an import that cannot go on: cuts what it appended to the image, under the image's lock, and
 * removes its journal. Free clusters inside the file that it has written to stay as they are: nothing refers to them.
 */
final class TailCutter {
    private TailCutter() {}

    /**
     * Cuts the tail after a failure that cannot pass by itself. What goes wrong here is added to that failure: it is not
     * what the operator has to know first.
     */
    static void giveBackUnlessRestartable(ImportSession session, StateferryException failure) {
        if (failure.kind().isTransient() || session.plan() == null) {
            return;
        }
        try {
            cut(session);
            Files.deleteIfExists(session.journalPath());
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    /**
     * Never cuts below the length at the import's first start, nor below the last cluster that the image uses now,
     * whatever has become of its header.
     */
    private static void cut(ImportSession session) throws StateferryException {
        Qcow2Image now = Qcow2Image.open(session.openImage().file());
        CheckReport report = MetadataCheck.run(now);
        long end = Math.max(
                session.plan().journal().plan().originalLength(),
                now.geometry().clusterOffset(report.usedClusterEnd()));
        if (report.isSound() && end < now.file().size()) {
            now.file().truncate(end);
        }
    }
}
