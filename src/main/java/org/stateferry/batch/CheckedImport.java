package org.stateferry.batch;

import java.nio.file.Path;
import java.time.Instant;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpSource;

/** What the checks of an import see of it, whether its image is there or only planned. */
interface CheckedImport {
    ImportRequest request();

    DumpSource dump();

    OtherDisks otherDisks();

    /** Where the image that gets the vmstate is, or is to be in the end. */
    Path imagePath();

    /** When somebody else last modified the image. */
    Instant modifiedByOthers() throws StateferryException;

    /** Warns the operator, and keeps the warning. */
    void warn(String line);

    /** Tells the operator what is no reason to worry. */
    void notice(String line);

    /** Throws if the import is to end; for work that has no other way to end early. */
    void requireNotStopped() throws StateferryException;
}
