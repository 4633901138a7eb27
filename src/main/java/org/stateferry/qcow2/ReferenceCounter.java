package org.stateferry.qcow2;

import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Adds a step for every reference to a cluster of a window. It is for tables that were checked before, or written by us: an
 * entry that is not valid is a bug. Not thread-safe.
 */
class ReferenceCounter implements ReferenceVisitor {
    private final ClusterWindow window;
    private final int step;
    private final Path file;

    /**
     * @param window where the sums are; references outside it are left out
     * @param step 1 for references that come, -1 for those that go
     * @param file the image's, to name it in failures
     */
    ReferenceCounter(ClusterWindow window, int step, Path file) {
        this.window = window;
        this.step = step;
        this.file = file;
    }

    @Override
    public final long windows() {
        return ClusterWindow.maskOf(window.first());
    }

    @Override
    public void reference(long firstCluster, long count, int times, Origin origin) throws StateferryException {
        window.add(firstCluster, count, step * times);
    }

    @Override
    public void invalid(long at, String problem) throws StateferryException {
        throw StateferryException.at(FailureKind.INTERNAL, file, at, problem);
    }
}
