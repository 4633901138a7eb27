package org.stateferry.service;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a definition names its snapshots: text in which every <code>{...}</code> is a {@link DateTimeFormatter} pattern for
 * the dump's modification time in UTC, as in <code>nightly-{yyyyMMdd-HHmmss}</code>. So the name belongs to the dump, not
 * to the moment of the import: the same dump keeps its name, tomorrow's gets another.
 */
final class NamePattern {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([^{}]*)}");
    private static final Instant SAMPLE = Instant.EPOCH;

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
        if (pattern.nameFor(SAMPLE).isBlank()) {
            throw new IllegalArgumentException("'" + text + "' gives an empty name");
        }
        return pattern;
    }

    /** The name for a dump that was last modified at this time. */
    String nameFor(Instant modified) {
        Matcher matcher = PLACEHOLDER.matcher(text);
        return matcher.replaceAll(placeholder -> Matcher.quoteReplacement(format(placeholder.group(1), modified)));
    }

    private static String format(String pattern, Instant modified) {
        try {
            return DateTimeFormatter.ofPattern(pattern, Locale.ROOT)
                    .withZone(ZoneOffset.UTC)
                    .format(modified);
        } catch (IllegalArgumentException | DateTimeException e) {
            throw new IllegalArgumentException("'{" + pattern + "}' is not a date pattern: " + e.getMessage(), e);
        }
    }

    @Override
    public String toString() {
        return text;
    }
}
