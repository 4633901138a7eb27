package org.stateferry.cli;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.stateferry.error.FailureKind;
import org.stateferry.service.DoubtfulJvm;

/** The process's exit codes. All but 0 and the signals' come from {@link FailureKind}. */
final class ExitCodes {
    /** Done, or already imported. */
    static final int DONE = 0;

    /** A process that a signal ended has this code plus the signal's number. */
    private static final int SIGNAL_BASE = 128;

    private ExitCodes() {}

    /**
     * The code for a failure.
     *
     * @param signal the number of the signal that asked for the end, if one did
     */
    static int of(FailureKind kind, OptionalInt signal) {
        return kind == FailureKind.INTERRUPTED && signal.isPresent()
                ? SIGNAL_BASE + signal.getAsInt()
                : kind.exitCode();
    }

    /** For the help: each code with its meaning, in ascending order. */
    static Map<String, String> table() {
        Map<Integer, String> titles = Arrays.stream(FailureKind.values())
                .collect(Collectors.groupingBy(
                        FailureKind::exitCode,
                        TreeMap::new,
                        Collectors.mapping(kind -> kind.title().toLowerCase(Locale.ROOT), Collectors.joining(", "))));
        Map<String, String> table = new LinkedHashMap<>();
        table.put(String.valueOf(DONE), "done, or already imported");
        titles.merge(DoubtfulJvm.EXIT_CODE, "of serve only: the JVM is in doubt; start the service again", (a, b) -> a);
        titles.forEach((code, title) -> table.put(String.valueOf(code), title));
        table.put("143", "interrupted by SIGTERM; like 130 it means: before the switch, restartable");
        return table;
    }
}
