package org.stateferry.service;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.stateferry.qcow2.format.Qcow2Limits;

/**
 * How a definition names its snapshots: text in which every <code>{...}</code> is a {@link DateTimeFormatter} pattern for
 * the dump's modification time in UTC, as in <code>nightly-{yyyyMMdd-HHmmss}</code>. So the name belongs to the dump, not
 * to the moment of the import: the same dump keeps its name, tomorrow's gets another.
 *
 * <p>A pattern that was read gives a name for every time: what works for some times only is refused.
 */
final class NamePattern {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([^{}]*)}");
    /** With text in quotes taken out, what can fail for some times or has a meaning for parsing only: padding, options. */
    private static final Pattern UNFIT = Pattern.compile("[p\\[\\]]");

    private static final Pattern QUOTED = Pattern.compile("'[^']*'");

    /** With short and long values of each field, and before and after the years that have four digits. */
    private static final List<Instant> SAMPLES = List.of(
            Instant.EPOCH,
            Instant.parse("2026-12-31T23:59:59.999999999Z"),
            Instant.parse("-0400-10-10T10:10:10Z"),
            Instant.parse("+500000-01-01T00:00:00Z"));

    private final String text;

    private NamePattern(String text) {
        this.text = text;
    }

    /**
     * Reads a pattern.
     *
     * @throws IllegalArgumentException if it is not valid; its message is fit for an operator
     */
    static NamePattern parse(String text) {
        String rest = PLACEHOLDER.matcher(text).replaceAll("");
        if (rest.indexOf('{') >= 0 || rest.indexOf('}') >= 0) {
            throw new IllegalArgumentException("a brace in '" + text + "' has no partner");
        }
        NamePattern pattern = new NamePattern(text);
        for (Instant sample : SAMPLES) {
            requireUsable(text, pattern.nameFor(sample));
        }
        return pattern;
    }

    private static void requireUsable(String text, String name) {
        if (name.isBlank()) {
            throw new IllegalArgumentException("'" + text + "' gives an empty name");
        }
        if (name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a name cannot have a NUL in it");
        }
        int size = name.getBytes(StandardCharsets.UTF_8).length;
        if (size > Qcow2Limits.MAX_SNAPSHOT_NAME_SIZE) {
            throw new IllegalArgumentException(
                    "gives a name of " + size + " bytes, and an image takes " + Qcow2Limits.MAX_SNAPSHOT_NAME_SIZE);
        }
    }

    /** The name for a dump that was last modified at this time. */
    String nameFor(Instant modified) {
        Matcher matcher = PLACEHOLDER.matcher(text);
        return matcher.replaceAll(placeholder -> Matcher.quoteReplacement(format(placeholder.group(1), modified)));
    }

    private static String format(String pattern, Instant modified) {
        Matcher unfit = UNFIT.matcher(QUOTED.matcher(pattern).replaceAll(""));
        if (unfit.find()) {
            throw new IllegalArgumentException(
                    "'{" + pattern + "}' is not a date pattern: '" + unfit.group() + "' cannot be used in a name");
        }
        try {
            return DateTimeFormatter.ofPattern(pattern, Locale.ROOT)
                    .withZone(ZoneOffset.UTC)
                    .format(modified);
        } catch (IllegalArgumentException | DateTimeException e) {
            throw new IllegalArgumentException("'{" + pattern + "}' is not a date pattern: " + e.getMessage(), e);
        } catch (RuntimeException e) { // the JDK trips over some letters side by side
            throw new IllegalArgumentException("'{" + pattern + "}' is not a date pattern", e);
        }
    }

    @Override
    public String toString() {
        return text;
    }
}
