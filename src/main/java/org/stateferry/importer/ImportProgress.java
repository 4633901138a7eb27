package org.stateferry.importer;

/** Hears how an import gets on. Calls come from the thread that runs the import, at most one at a time. */
public interface ImportProgress {
    /** Hears nothing. */
    ImportProgress NONE = new ImportProgress() {};

    /** A step of the job begins: {@code prepare}, {@code transfer} or {@code publish}. */
    default void stepStarted(String step) {}

    /**
     * So much of the stream lies in the image, or is on its way there.
     *
     * @param bytesDone stream bytes handed to the write path, those of earlier attempts included
     * @param bytesTotal length of the stream in bytes
     */
    default void transferred(long bytesDone, long bytesTotal) {}

    /** Something an operator wants to know but that stops nothing; one line without a full stop. */
    default void notice(String line) {}

    /** Something an operator should act on; one line, also kept in the history. */
    default void warning(String line) {}
}
