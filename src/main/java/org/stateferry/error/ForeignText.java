package org.stateferry.error;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Text that others wrote - names in images and dumps, paths, fields of definitions, messages of libraries - made harmless
 * for whatever shows it: a terminal, a log, a metric. This is the one place that says which characters are dangerous.
 *
 * <p>Escaped are all control characters (C0, DEL, C1), what changes the direction of writing (overrides, isolates, marks) or
 * is invisible, line and paragraph separators, and halves of a surrogate pair. A backslash is left alone, so text that was
 * escaped once is not changed by the next who escapes it.
 */
public final class ForeignText {
    private static final int ZERO_WIDTH_NON_JOINER = 0x200c;
    private static final int ZERO_WIDTH_JOINER = 0x200d;
    private static final int FIRST_NOT_ASCII = 0x80;
    private static final int DELETE = 0x7f;

    private ForeignText() {}

    /** Whether a character must not reach a terminal, a log or JSON as it is. */
    public static boolean isDangerous(int codePoint) {
        if (codePoint < FIRST_NOT_ASCII) {
            return codePoint < ' ' || codePoint == DELETE;
        }
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE ->
                true;
            // Persian and emoji need the joiners.
            case Character.FORMAT -> codePoint != ZERO_WIDTH_NON_JOINER && codePoint != ZERO_WIDTH_JOINER;
            default -> false;
        };
    }

    /**
     * The text on one line: line ends and tabs become spaces, every other dangerous character is written as {@code \x1b} or
     * {@code \u202e}.
     */
    public static String escape(String text) {
        int safe = safePrefix(text);
        if (safe == text.length()) {
            return text;
        }
        StringBuilder line = new StringBuilder(text.length() + 16).append(text, 0, safe);
        for (int at = safe; at < text.length(); ) {
            int point = text.codePointAt(at);
            if (isDangerous(point)) {
                line.append(escaped(point));
            } else {
                line.appendCodePoint(point);
            }
            at += Character.charCount(point);
        }
        return line.toString();
    }

    private static int safePrefix(String text) {
        int at = 0;
        while (at < text.length()) {
            int point = text.codePointAt(at);
            if (isDangerous(point)) {
                break;
            }
            at += Character.charCount(point);
        }
        return at;
    }

    private static String escaped(int point) {
        return switch (point) {
            case '\n', '\r', '\t' -> " ";
            default -> String.format(Locale.ROOT, point <= 0xff ? "\\x%02x" : "\\u%04x", point);
        };
    }

    /**
     * Bytes that should be UTF-8 as text; each byte that is not is written as {@code \xff}. What is valid stays as it is,
     * dangerous or not.
     *
     * @param bytes from its position to its limit, which do not move
     */
    public static String decode(ByteBuffer bytes) {
        ByteBuffer left = bytes.duplicate();
        int size = left.remaining();
        CharsetDecoder decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        CharBuffer valid = CharBuffer.allocate(size);
        StringBuilder text = new StringBuilder(size);
        while (true) {
            CoderResult result = decoder.reset().decode(left, valid.clear(), true);
            text.append(valid.flip());
            if (!result.isError()) {
                return text.toString();
            }
            for (int bad = 0; bad < result.length(); bad++) {
                text.append(String.format(Locale.ROOT, "\\x%02x", left.get()));
            }
        }
    }

    /**
     * At most so many characters of a text: three dots stand for its middle, because the end of a path says most. For
     * tables; data is never cut.
     *
     * @param charsMax more than 3
     */
    public static String cut(String text, int charsMax) {
        if (text.length() <= charsMax) {
            return text;
        }
        int tail = (charsMax - 3) / 2;
        int headEnd = charsMax - 3 - tail;
        int tailStart = text.length() - tail;
        if (Character.isHighSurrogate(text.charAt(headEnd - 1))) {
            headEnd--;
        }
        if (Character.isLowSurrogate(text.charAt(tailStart))) {
            tailStart++;
        }
        return text.substring(0, headEnd) + "..." + text.substring(tailStart);
    }
}
