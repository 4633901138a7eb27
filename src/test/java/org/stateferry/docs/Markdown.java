package org.stateferry.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A Markdown file, taken apart as far as the tests of the documentation need it. The working directory is the project's. */
final class Markdown {
    static final Path GUIDE = Path.of("src/docs/guide");

    private static final Pattern FENCE = Pattern.compile("```(\\w*)");
    private static final Pattern HEADING = Pattern.compile("#+ +");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final Pattern LINK = Pattern.compile("\\[[^\\]]*\\]\\(([^)\\s]+)\\)");

    private final Path path;
    private final List<String> lines;
    /** Paragraphs, headings and tables: what is not within fences. */
    private final List<String> prose = new ArrayList<>();

    private final List<Block> blocks = new ArrayList<>();

    /**
     * A fenced block.
     *
     * @param language the word behind the fence, or an empty text
     * @param lines what is between the fences
     */
    record Block(String language, List<String> lines) {}

    private Markdown(Path path, List<String> lines) {
        this.path = path;
        this.lines = lines;
        Block open = null;
        for (String line : lines) {
            var fence = FENCE.matcher(line);
            if (open != null && line.equals("```")) {
                open = null;
            } else if (open != null) {
                open.lines.add(line);
            } else if (fence.matches()) {
                open = new Block(fence.group(1), new ArrayList<>());
                blocks.add(open);
            } else {
                prose.add(line);
            }
        }
        if (open != null) {
            throw new AssertionError(path + ": a fence is not closed");
        }
    }

    static Markdown read(Path path) {
        try {
            return new Markdown(path, Files.readAllLines(path));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Every file of documentation. */
    static List<Markdown> all() {
        return Stream.concat(Stream.of(Path.of("README.md"), Path.of("CONTRIBUTING.md")), below(Path.of("src")))
                .map(Markdown::read)
                .toList();
    }

    /** The guide's pages. */
    static List<Markdown> guide() {
        return below(GUIDE).map(Markdown::read).toList();
    }

    private static Stream<Path> below(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(".md")).sorted().toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Path path() {
        return path;
    }

    List<String> lines() {
        return lines;
    }

    List<Block> blocks() {
        return blocks;
    }

    /** The targets of links and pictures. */
    List<String> links() {
        String text = CODE.matcher(String.join("\n", prose)).replaceAll("code");
        return LINK.matcher(text).results().map(link -> link.group(1)).toList();
    }

    /** What is written as code within the text. */
    List<String> codeSpans() {
        return prose.stream()
                .flatMap(line -> CODE.matcher(line).results())
                .map(span -> span.group(1))
                .toList();
    }

    /** What is written as code within a piece of text. */
    static Set<String> codes(String text) {
        return CODE.matcher(text).results().map(code -> code.group(1)).collect(Collectors.toCollection(TreeSet::new));
    }

    /** The headings without their marks. */
    List<String> headings() {
        return prose.stream()
                .map(HEADING::matcher)
                .filter(heading -> heading.lookingAt())
                .map(heading -> heading.replaceFirst(""))
                .toList();
    }

    /** The anchors of the headings, as GitHub makes them: a name that is there already gets a number. */
    List<String> anchors() {
        Map<String, Integer> seen = new HashMap<>();
        return headings().stream()
                .map(Markdown::anchor)
                .map(anchor -> {
                    int count = seen.merge(anchor, 1, Integer::sum) - 1;
                    return count == 0 ? anchor : anchor + "-" + count;
                })
                .toList();
    }

    private static String anchor(String heading) {
        return heading.toLowerCase(Locale.ROOT)
                .replaceAll("[^\\p{L}\\p{N} _-]", "")
                .replace(' ', '-');
    }

    /**
     * The rows of the first table below a heading, without the table's own heading.
     *
     * @return cells, with {@code \|} turned into what it stands for
     */
    List<List<String>> tableBelow(String heading) {
        int at = 0;
        while (at < prose.size() && !prose.get(at).matches("#+ \\Q" + heading + "\\E")) {
            at++;
        }
        if (at == prose.size()) {
            throw new AssertionError(path + " has no heading '" + heading + "'");
        }
        return prose.stream()
                .skip(at + 1L)
                .takeWhile(line -> !line.startsWith("#"))
                .dropWhile(line -> !line.startsWith("|"))
                .takeWhile(line -> line.startsWith("|"))
                .skip(2)
                .map(Markdown::cells)
                .toList();
    }

    private static List<String> cells(String row) {
        String[] cells = row.substring(1).split("(?<!\\\\)\\|");
        return Stream.of(cells).map(cell -> cell.strip().replace("\\|", "|")).toList();
    }

    /** All that a pattern finds in the text outside of fences. */
    Stream<MatchResult> find(Pattern pattern) {
        return pattern.matcher(String.join("\n", prose)).results();
    }
}
