package org.stateferry.importer;

/**
 * Passes progress on, and tells a watcher each time that there was some. Called as {@link ImportProgress} is.
 *
 * @param next hears everything
 * @param gotOn run at each call
 */
public record WatchedProgress(ImportProgress next, Runnable gotOn) implements ImportProgress {
    @Override
    public void attemptBegan(long importId, boolean goesOn) {
        gotOn.run();
        next.attemptBegan(importId, goesOn);
    }

    @Override
    public void stepStarted(String step) {
        gotOn.run();
        next.stepStarted(step);
    }

    @Override
    public void transferred(long bytesDone, long bytesTotal) {
        gotOn.run();
        next.transferred(bytesDone, bytesTotal);
    }

    @Override
    public void notice(String line) {
        gotOn.run();
        next.notice(line);
    }

    @Override
    public void warning(String line) {
        gotOn.run();
        next.warning(line);
    }
}
