package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The messages that the guide shows, and their next steps, are those of the program. */
class MessagesTest {
    private static final Pattern MESSAGE = Pattern.compile("stateferry: (.*)|  next: (.*)");
    /** A text of the program that says less could be any message. */
    private static final int LITERALLY_MIN = 8;
    /** What libraries say of a command line and of a schedule. */
    private static final Pattern OF_LIBRARIES =
            Pattern.compile("Missing required .*|.*Cron expression must consist of 6 fields .*");

    private static final Pattern OF_LAUNCHER = Pattern.compile("fail \"([^\"]*)\"");
    private static final Pattern VARIABLE = Pattern.compile("[$][a-zA-Z_]+");

    private static final List<Pattern> TEXTS = Stream.concat(
                    SourceTexts.sourcesBelow(Path.of("src/main/java")).stream()
                            .flatMap(source -> SourceTexts.of(source).stream()),
                    textsOfLauncher())
            .filter(text -> text.replace(String.valueOf(SourceTexts.ANY), "").length() >= LITERALLY_MIN)
            .map(MessagesTest::asPattern)
            .toList();

    private static Stream<String> textsOfLauncher() {
        return OF_LAUNCHER
                .matcher(SourceTexts.read(Path.of("src/launcher/stateferry.sh")))
                .results()
                .map(text -> VARIABLE.matcher(text.group(1)).replaceAll(String.valueOf(SourceTexts.ANY)));
    }

    private static Pattern asPattern(String text) {
        return Pattern.compile(Arrays.stream(text.split(String.valueOf(SourceTexts.ANY), -1))
                .map(Pattern::quote)
                .collect(Collectors.joining(".*")));
    }

    @Test
    void theMessagesOfTheGuideAreThoseOfTheProgram() {
        assertThat(shownMessages())
                .hasSizeGreaterThan(80)
                .filteredOn(message -> !OF_LIBRARIES.matcher(message).matches() && !isOfTheProgram(message))
                .isEmpty();
    }

    private static boolean isOfTheProgram(String message) {
        return startsWithoutAFile(message).stream()
                .anyMatch(start ->
                        TEXTS.stream().anyMatch(text -> text.matcher(start).lookingAt()));
    }

    private static List<String> shownMessages() {
        List<String> messages = new ArrayList<>();
        for (Markdown page : Markdown.guide()) {
            for (Markdown.Block block : page.blocks()) {
                if (block.lines().stream().noneMatch(line -> line.startsWith("  next: "))) {
                    continue; // a report
                }
                for (String line : block.lines()) {
                    Matcher message = MESSAGE.matcher(line);
                    if (message.matches()) {
                        messages.add(message.group(1) == null ? message.group(2) : message.group(1));
                    }
                }
            }
        }
        return messages;
    }

    /** The message, and what is behind each colon in it: a file with a place may stand before. */
    private static List<String> startsWithoutAFile(String message) {
        List<String> starts = new ArrayList<>(List.of(message));
        for (int at = message.indexOf(": "); at >= 0; at = message.indexOf(": ", at + 1)) {
            starts.add(message.substring(at + 2));
        }
        return starts;
    }
}
