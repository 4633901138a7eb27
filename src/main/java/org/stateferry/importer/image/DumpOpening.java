package org.stateferry.importer.image;

import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.Interruption;
import org.stateferry.source.OpenMonitor;

/** Lets a stop end the opening of a dump, and the operator hear why it takes long. */
public record DumpOpening(ImportProgress progress, StopSignal stop) implements OpenMonitor {
    @Override
    public void requireNotStopped() throws StateferryException {
        Interruption.requireNone(stop);
    }

    @Override
    public void notice(String line) {
        progress.notice(line);
    }
}
