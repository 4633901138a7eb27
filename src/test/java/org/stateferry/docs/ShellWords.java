package org.stateferry.docs;

import java.util.ArrayList;
import java.util.List;

/** Takes a line of an example apart as a shell would, as far as examples go: quotes, comments, and the end of a command. */
final class ShellWords {
    private static final String ENDS_A_COMMAND = "|&;<>";

    private ShellWords() {}

    /** The words of the line's first command. */
    static List<String> of(String line) {
        List<String> words = new ArrayList<>();
        StringBuilder word = null;
        char quote = 0;
        for (char c : line.toCharArray()) {
            if (quote != 0) {
                quote = c == quote ? 0 : quote;
                if (quote != 0) {
                    word.append(c);
                }
            } else if (ENDS_A_COMMAND.indexOf(c) >= 0 || (c == '#' && word == null)) {
                break;
            } else if (c == ' ') {
                if (word != null) {
                    words.add(word.toString());
                    word = null;
                }
            } else {
                word = word == null ? new StringBuilder() : word;
                if (c == '\'' || c == '"') {
                    quote = c;
                } else {
                    word.append(c);
                }
            }
        }
        if (word != null) {
            words.add(word.toString());
        }
        return words;
    }
}
