package org.stateferry.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The texts in Java sources: literals that are joined with {@code +} are one text, and what stands between them, a number or a
 * name, is {@link #ANY}.
 */
final class SourceTexts {
    /** Stands for whatever a program puts there. */
    static final char ANY = '\uffff';

    private static final Pattern FORMAT = Pattern.compile("%[0-9]*[a-z]");

    /** Of other escapes than those of quotation marks and backslashes the letter is left. */
    private static final Pattern ESCAPE = Pattern.compile("\\\\(.)");

    private final String source;
    private int at;

    private SourceTexts(String source) {
        this.source = source;
    }

    /** The content of all Java files below a folder. */
    static List<String> sourcesBelow(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(path -> path.toString().endsWith(".java"))
                    .map(SourceTexts::read)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All texts of a source. */
    static List<String> of(String source) {
        return new SourceTexts(source).texts();
    }

    private List<String> texts() {
        List<String> texts = new ArrayList<>();
        while (at < source.length()) {
            if (source.startsWith("//", at)) {
                at = endOf("\n");
            } else if (source.startsWith("/*", at)) {
                at = endOf("*/");
            } else if (source.startsWith("\"\"\"", at)) {
                at += 3;
                at = endOf("\"\"\"");
            } else if (source.charAt(at) == '\'') {
                at += source.charAt(at + 1) == '\\' ? 4 : 3;
            } else if (source.charAt(at) == '"') {
                texts.add(text());
            } else {
                at++;
            }
        }
        return texts;
    }

    private int endOf(String mark) {
        int found = source.indexOf(mark, at);
        return found < 0 ? source.length() : found + mark.length();
    }

    /** A literal and what is joined to it. */
    private String text() {
        StringBuilder text = new StringBuilder();
        if (source.substring(0, at).stripTrailing().endsWith("+")) {
            text.append(ANY);
        }
        text.append(literal());
        while (skipBlanks() == '+') {
            at++;
            text.append(skipBlanks() == '"' ? literal() : operand());
        }
        return FORMAT.matcher(text).replaceAll(String.valueOf(ANY));
    }

    private char skipBlanks() {
        while (at < source.length() && Character.isWhitespace(source.charAt(at))) {
            at++;
        }
        return at < source.length() ? source.charAt(at) : ';';
    }

    private String literal() {
        int end = at + 1;
        while (source.charAt(end) != '"') {
            end += source.charAt(end) == '\\' ? 2 : 1;
        }
        String literal = ESCAPE.matcher(source.substring(at + 1, end)).replaceAll("$1");
        at = end + 1;
        return literal;
    }

    /** Passes over what is no literal, up to the next plus sign or the end of the expression. Its own texts are not lost. */
    private char operand() {
        int depth = 0;
        int end = at;
        while (end < source.length()) {
            char next = source.charAt(end);
            if (next == '"') {
                break;
            }
            if (next == '(') {
                depth++;
            } else if (next == ')' || next == ',' || next == ';' || next == '+') {
                if (depth == 0) {
                    break;
                }
                depth -= next == ')' ? 1 : 0;
            }
            end++;
        }
        at = end;
        return ANY;
    }
}
