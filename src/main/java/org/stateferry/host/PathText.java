package org.stateferry.host;

import java.nio.file.Path;

/** Paths as text, which is how they are kept: a name in a file system is bytes, and not all of them are text. */
public final class PathText {
    /** What is wrong with a path that {@link #isText} is false for. */
    public static final String PROBLEM = "the path has a name that is not UTF-8, by which it could not be found again";

    /** What to do about it. */
    public static final String ADVICE = "Rename the file or folder, or give the file a second name with ln.";

    private PathText() {}

    /** Whether the path's text leads to the same file, so that it can be kept in the history. */
    public static boolean isText(Path path) {
        return Path.of(path.toString()).equals(path);
    }
}
