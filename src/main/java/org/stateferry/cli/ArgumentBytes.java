package org.stateferry.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;

/**
 * Finds out whether Java has decoded the command line without loss. Java decodes them by the locale, and puts a mark in
 * the place of bytes that have no meaning in it: a snapshot would get another name, and another file would be opened.
 */
final class ArgumentBytes {
    private static final char REPLACEMENT = '\ufffd';
    private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

    private ArgumentBytes() {}

    /** Why this process cannot go by its arguments, or null if it can. */
    static @Nullable StateferryException problem(String[] args) {
        return problem(args, System.getProperty("sun.jnu.encoding", ""), rawArguments(args.length));
    }

    /**
     * @param encoding by which Java has decoded the arguments, and writes the names of files
     * @param raw the bytes of each argument; empty if the system does not tell
     */
    static @Nullable StateferryException problem(String[] args, String encoding, List<byte[]> raw) {
        boolean unicode = encoding.toUpperCase(Locale.ROOT).replace("-", "").equals("UTF8");
        for (int index = 0; index < args.length; index++) {
            String argument = args[index];
            if (!unicode && argument.chars().anyMatch(character -> character > '~')) {
                return StateferryException.of(
                                FailureKind.USAGE,
                                "argument " + (index + 1) + " has characters that are lost in this locale (" + encoding
                                        + ")")
                        .advise("Run it with LC_ALL=C.UTF-8 in its environment, or another locale with UTF-8 that this"
                                + " system has: locale -a");
            }
            if (unicode && argument.indexOf(REPLACEMENT) >= 0 && !isUtf8(raw, index)) {
                String shown = index < raw.size() ? ForeignText.decode(ByteBuffer.wrap(raw.get(index))) : argument;
                return StateferryException.of(FailureKind.USAGE, "argument " + (index + 1) + " is not UTF-8: " + shown)
                        .advise(
                                "Give snapshots names in UTF-8, and rename such a file, or give it a second name with ln.");
            }
        }
        return null;
    }

    private static boolean isUtf8(List<byte[]> raw, int index) {
        if (index >= raw.size()) {
            return false;
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(raw.get(index)));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    /** The last words of the process's command line, each of which ends with a NUL. */
    private static List<byte[]> rawArguments(int count) {
        try {
            byte[] line = Files.readAllBytes(COMMAND_LINE);
            List<byte[]> words = new ArrayList<>();
            int start = 0;
            for (int at = 0; at < line.length; at++) {
                if (line[at] == 0) {
                    words.add(Arrays.copyOfRange(line, start, at));
                    start = at + 1;
                }
            }
            return words.size() < count ? List.of() : words.subList(words.size() - count, words.size());
        } catch (IOException e) {
            return List.of();
        }
    }
}
