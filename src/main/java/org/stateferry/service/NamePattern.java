package org.stateferry.service;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.Qcow2Limits;

/**
 * How a definition names what depends on a dump: text with placeholders in braces. <code>{file}</code> is the name of the
 * dump's file, <code>{stem}</code> the same without its last suffix, <code>{domain}</code> the name of the libvirt domain that
 * the dump is of. Every other <code>{...}</code> is a {@link DateTimeFormatter} pattern for the dump's modification time in
 * UTC, as in <code>nightly-{yyyyMMdd-HHmmss}</code>. So a name belongs to the dump, not to the moment of the import: the same
 * dump keeps its name, tomorrow's gets another.
 *
 * <p>A pattern that was read gives a name for every time: what works for some times only is refused.
 */
final class NamePattern {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([^{}]*)}");
    /** With text in quotes taken out, what can fail for some times or has a meaning for parsing only: padding, options. */
    private static final Pattern UNFIT = Pattern.compile("[p\\[\\]]");

    private static final Pattern QUOTED = Pattern.compile("'[^']*'");

    private static final String FILE = "file";
    private static final String STEM = "stem";
    private static final String DOMAIN = "domain";

    /** With short and long values of each field, and before and after the years that have four digits. */
    private static final List<Instant> SAMPLES = List.of(
            Instant.EPOCH,
            Instant.parse("2026-12-31T23:59:59.999999999Z"),
            Instant.parse("-0400-10-10T10:10:10Z"),
            Instant.parse("+500000-01-01T00:00:00Z"));

    private final String text;

    /** @throws IllegalArgumentException if a brace has no partner */
    private NamePattern(String text) {
        String rest = PLACEHOLDER.matcher(text).replaceAll("");
        if (rest.indexOf('{') >= 0 || rest.indexOf('}') >= 0) {
            throw new IllegalArgumentException("a brace in '" + text + "' has no partner");
        }
        this.text = text;
    }

    /**
     * Reads a pattern.
     *
     * @throws IllegalArgumentException if it is not valid; its message is fit for an operator
     */
    static NamePattern parse(String text) {
        NamePattern pattern = new NamePattern(text);
        for (Instant sample : SAMPLES) {
            requireUsable(text, pattern.fill(sample, "f", "s", "d"));
        }
        return pattern;
    }

    /**
     * Reads a pattern for the path of a file.
     *
     * @throws IllegalArgumentException if it is not valid; its message is fit for an operator
     */
    static NamePattern parsePath(String text) {
        NamePattern pattern = new NamePattern(text);
        SAMPLES.stream().map(sample -> pattern.fill(sample, "f", "s", "d")).forEach(NamePattern::requirePath);
        return pattern;
    }

    private static void requirePath(String text) {
        Path path = Path.of(text);
        if (path.getNameCount() == 0) {
            throw new IllegalArgumentException("'" + text + "' names no file");
        }
    }

    private static void requireUsable(String text, String name) {
        if (name.isBlank()) {
            throw new IllegalArgumentException("'" + text + "' gives an empty name");
        }
        if (name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a name cannot have a NUL in it");
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
            throw new IllegalArgumentException("a name cannot have half a surrogate pair in it, which is no character");
        }
        int size = name.getBytes(StandardCharsets.UTF_8).length;
        if (size > Qcow2Limits.MAX_SNAPSHOT_NAME_SIZE) {
            throw new IllegalArgumentException(
                    "gives a name of " + size + " bytes, and an image takes " + Qcow2Limits.MAX_SNAPSHOT_NAME_SIZE);
        }
    }

    /** The folder in which the files lie that a pattern for paths names, as far up as it is the same for all dumps. */
    Optional<Path> folder() {
        Matcher placeholder = PLACEHOLDER.matcher(text);
        String fixed = placeholder.find() ? text.substring(0, placeholder.start()) + "x" : text;
        return Optional.ofNullable(Path.of(fixed).toAbsolutePath().getParent());
    }

    /** Whether it says the same for all dumps. */
    boolean isFixed() {
        return !PLACEHOLDER.matcher(text).find();
    }

    /**
     * The name for a dump.
     *
     * @throws StateferryException as {@link DumpFacts#domain}; of kind {@link FailureKind#DUMP_UNFIT} if the dump's modification
     *     time is so far away that it has no date
     */
    String nameFor(DumpFacts dump) throws StateferryException {
        String domain = uses(DOMAIN) ? dump.domain() : "";
        return fillFor(dump, dump.file(), dump.stem(), domain);
    }

    /**
     * The path for a dump.
     *
     * @throws StateferryException as {@link #nameFor}; of kind {@link FailureKind#DUMP_UNFIT} if the name of the dump or of its
     *     domain would lead out of the folder that the definition means
     */
    Path pathFor(DumpFacts dump) throws StateferryException {
        String domain = uses(DOMAIN) ? pathPart(dump, dump.domain()) : "";
        String file = uses(FILE) || uses(STEM) ? pathPart(dump, dump.file()) : "";
        String stem = file.isEmpty() ? "" : dump.stem();
        return Path.of(fillFor(dump, file, stem, domain));
    }

    private boolean uses(String placeholder) {
        return text.contains("{" + placeholder + "}");
    }

    /** Whoever writes dumps may choose these names, and is not to choose the folder with them. */
    private static String pathPart(DumpFacts dump, String name) throws StateferryException {
        boolean control = name.chars().anyMatch(Character::isISOControl);
        if (name.isBlank() || name.startsWith(".") || name.indexOf('/') >= 0 || control) {
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT, dump.path(), "\"" + name + "\" cannot be part of a path")
                    .advise("Rename the file, or the domain, or do not use the name in the definition.");
        }
        return name;
    }

    private String fillFor(DumpFacts dump, String file, String stem, String domain) throws StateferryException {
        try {
            return fill(dump.modified(), file, stem, domain);
        } catch (IllegalArgumentException e) { // the pattern has been tried when it was read
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT, dump.path(), "its modification time is beyond the range of dates")
                    .advise("Give the dump another time (touch), or do not use the time in the definition.")
                    .causedBy(e);
        }
    }

    private String fill(Instant modified, String file, String stem, String domain) {
        return PLACEHOLDER.matcher(text).replaceAll(placeholder -> {
            String name = placeholder.group(1);
            return Matcher.quoteReplacement(
                    switch (name) {
                        case FILE -> file;
                        case STEM -> stem;
                        case DOMAIN -> domain;
                        default -> format(name, modified);
                    });
        });
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
