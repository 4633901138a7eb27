package org.stateferry.testing;

import java.util.regex.Pattern;

/** The lines by which a command says that it is still at it: whether there are any depends on how busy the machine is. */
public final class StillLines {
    private static final Pattern LINE =
            Pattern.compile("(?m)^.*\\bstill (?:reading|changing|exporting|abandoning|in phase) .*, for \\d+ s.*\\R?");

    private StillLines() {}

    /** What a command wrote to standard error, without them. */
    public static String without(String stderr) {
        return LINE.matcher(stderr).replaceAll("");
    }
}
