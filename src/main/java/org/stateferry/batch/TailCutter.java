package org.stateferry.batch;

import java.util.Arrays;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;

/**
 * Gives back the space of an import that cannot go on: cuts what it appended to the image, under the image's lock, and
 * ends its journal. Free clusters inside the file that it has written to stay as they are: nothing refers to them.
 */
final class TailCutter {
    private TailCutter() {}

    /**
     * Cuts the tail after a failure that cannot pass by itself. What goes wrong here is added to that failure: it is not
     * what the operator has to know first.
     */
    static void giveBackUnlessRestartable(ImportSession session, StateferryException failure) {
        ImportPlan plan = session.plan();
        if (failure.kind().isTransient() || plan == null || session.published() != null) {
            return;
        }
        try {
            if (session.request().lock()) {
                session.openImage().proveHeld();
            }
            Qcow2Image now = Qcow2Image.open(session.image().file());
            if (!Arrays.equals(now.headerSector(), session.image().headerSector())) {
                // Somebody else has written to the image: it may use more by now than its refcounts say, and its time
                // of modification is not ours to explain.
                return;
            }
            if (session.request().lock()) {
                cut(now, plan);
            }
            session.finishJournal();
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    /** Never cuts below the length at the import's first start, nor below the last cluster that the image uses now. */
    private static void cut(Qcow2Image now, ImportPlan plan) throws StateferryException {
        CheckReport report = MetadataCheck.run(now);
        long end =
                Math.max(plan.journal().plan().originalLength(), now.geometry().clusterOffset(report.usedClusterEnd()));
        if (report.isSound() && end < now.file().size()) {
            now.file().truncate(end);
        }
    }
}
