package org.stateferry.importer;

import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;

/** Ends an import that was asked to stop before its switch. */
public final class Interruption {
    private Interruption() {}

    /** The failure of such an import. */
    public static StateferryException failure() {
        return StateferryException.of(FailureKind.INTERRUPTED, "the import was interrupted before the switch")
                .advise("Nothing is lost: run the same command again to go on.");
    }

    /** Throws if the import is to end; for work that has no other way to end early. */
    public static void requireNone(StopSignal stop) throws StateferryException {
        if (stop.isRequested()) {
            throw failure();
        }
    }
}
