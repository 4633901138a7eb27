package org.stateferry.importer;

/** Hears how an import gets on. Calls come from the thread that runs the import, at most one at a time. */
public interface ImportProgress {
    /** Hears nothing. */
    ImportProgress NONE = new ImportProgress() {};

    /** The total of a stream that has to be read to know it. */
    long UNKNOWN_TOTAL = -1;

    /**
     * An attempt begins that the history knows; not called if there is nothing to do, or it does not even come to that.
     *
     * @param importId the import's ID
     * @param goesOn whether there was an attempt before that it goes on from
     */
    default void attemptBegan(long importId, boolean goesOn) {}

    /** A step of the job begins: {@code prepare}, {@code transfer} or {@code publish}. */
    default void stepStarted(String step) {}

    /**
     * Tells how much of the stream lies in the image, or is on its way there.
     *
     * @param bytesDone stream bytes handed to the write path, those of earlier attempts included
     * @param bytesTotal length of the stream in bytes, or {@link #UNKNOWN_TOTAL} as long as that is not known
     */
    default void transferred(long bytesDone, long bytesTotal) {}

    /** Something an operator wants to know but that stops nothing; one line without a full stop. */
    default void notice(String line) {}

    /** Something an operator should act on; one line, also kept in the history. */
    default void warning(String line) {}
}
