package org.stateferry.service.definition;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.springframework.boot.convert.DurationStyle;
import org.stateferry.importer.FileRoots;

/**
 * Reads the texts of fields of the kinds that several parts of a definition have. Each method throws an
 * {@link IllegalArgumentException} with a message fit for an operator if the text is not valid.
 */
public final class FieldValues {
    private static final Duration SHORTEST_PERIOD = Duration.ofSeconds(1);
    private static final Duration LONGEST_PERIOD = Duration.ofDays(366);

    private FieldValues() {}

    /** {@code true} or {@code false}. */
    public static boolean truth(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("'" + text + "' is neither true nor false");
        };
    }

    /** A whole number, both bounds included. */
    public static int number(String text, int least, int most) {
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) {
                return (int) number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("'" + text + "' is not a whole number from " + least + " to " + most);
    }

    /** One of an enum's constants, in lower or upper case. */
    public static <E extends Enum<E>> E constant(E[] constants, String text) {
        for (E constant : constants) {
            if (constant.name().equalsIgnoreCase(text)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(
                "'" + text + "' is none of " + List.of(constants).toString().toLowerCase(Locale.ROOT));
    }

    /** A time such as {@code 30s} from a second to a year. */
    public static Duration period(String text) {
        return duration(text, SHORTEST_PERIOD, LONGEST_PERIOD);
    }

    /** A time such as {@code 30s} of up to a year, or none. */
    public static Duration delay(String text) {
        return duration(text, Duration.ZERO, LONGEST_PERIOD);
    }

    /** A time such as {@code 30s}, both bounds included. */
    public static Duration duration(String text, Duration shortest, Duration longest) {
        Duration period = DurationStyle.SIMPLE.parse(text);
        if (period.compareTo(shortest) < 0) {
            throw new IllegalArgumentException(
                    "'" + text + "' is shorter than " + (shortest.isZero() ? "no time at all" : "a second"));
        }
        if (period.compareTo(longest) > 0) {
            throw new IllegalArgumentException("'" + text + "' is longer than "
                    + (longest.toDays() > 1 ? longest.toDays() + " days" : longest.toHours() + " hours"));
        }
        return period;
    }

    /** The path of a file or folder under one of the roots. */
    public static Path path(String text, FileRoots roots) {
        Path path = Path.of(text);
        requireWithin(roots, path, text);
        return path;
    }

    /** @param text how the definition says it */
    public static void requireWithin(FileRoots roots, Path path, String text) {
        if (!roots.mayHold(path)) {
            throw new IllegalArgumentException(
                    "'" + text + "' lies under none of the folders that the setting stateferry.roots lists");
        }
    }
}
