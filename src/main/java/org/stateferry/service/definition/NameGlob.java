package org.stateferry.service.definition;

import java.nio.file.FileSystems;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * A pattern for the names of files, written as the JDK's {@link java.nio.file.FileSystem#getPathMatcher globs} are. Matching takes time
 * in proportion to the name's length times the pattern's. The JDK makes a regular expression of it, whose time grows with the power of
 * the number of asterisks: whoever may put files into a folder could then keep a service busy for ever, by their names alone.
 *
 * <p>Immutable.
 */
final class NameGlob {
    /** Names have 255 bytes at most; the JDK's check of a pattern, and ours, take stack for each of its parts. */
    private static final int LENGTH_MAX = 1024;

    private final Node start = new Node();
    private final Node end;

    /** A place in the pattern: how to get on with a character, and without one. */
    private static final class Node {
        private IntPredicate accepted = character -> false;
        private Node next = this;
        private final List<Node> free = new ArrayList<>();
    }

    /** @throws IllegalArgumentException if the text is no pattern */
    NameGlob(String pattern) {
        if (pattern.length() > LENGTH_MAX) {
            throw new IllegalArgumentException(
                    "a pattern of " + pattern.length() + " characters is longer than " + LENGTH_MAX);
        }
        FileSystems.getDefault().getPathMatcher("glob:" + pattern); // throws a kind of it; what follows relies on that
        this.end = new Parser(pattern.codePoints().toArray()).parse(start);
    }

    boolean matches(String name) {
        Set<Node> places = new LinkedHashSet<>();
        enter(start, places);
        for (int character : name.codePoints().toArray()) {
            Set<Node> reached = new LinkedHashSet<>();
            for (Node place : places) {
                if (place.accepted.test(character)) {
                    enter(place.next, reached);
                }
            }
            places = reached;
        }
        return places.contains(end);
    }

    private static void enter(Node node, Set<Node> places) {
        if (places.add(node)) {
            node.free.forEach(other -> enter(other, places));
        }
    }

    /** Reads a pattern that is valid. */
    private static final class Parser {
        private final int[] pattern;
        private int at;

        private Parser(int[] pattern) {
            this.pattern = pattern;
        }

        private Node parse(Node start) {
            Node current = start;
            Node fork = null;
            Node join = null;
            while (at < pattern.length) {
                int character = pattern[at++];
                if (character == '*') {
                    Node any = added(current);
                    any.accepted = each -> true;
                    current = added(any);
                } else if (character == '{') {
                    fork = current;
                    join = new Node();
                    current = added(fork);
                } else if (fork != null && join != null && character == ',') {
                    current.free.add(join);
                    current = added(fork);
                } else if (join != null && character == '}') {
                    current.free.add(join);
                    current = join;
                    fork = null;
                    join = null;
                } else {
                    current.accepted = one(character);
                    current.next = new Node();
                    current = current.next;
                }
            }
            return current;
        }

        private static Node added(Node from) {
            Node node = new Node();
            from.free.add(node);
            return node;
        }

        private IntPredicate one(int character) {
            return switch (character) {
                case '?' -> each -> true;
                case '\\' -> {
                    int escaped = pattern[at++];
                    yield each -> each == escaped;
                }
                case '[' -> oneOf();
                default -> each -> each == character;
            };
        }

        /** Between brackets nothing is escaped, and a hyphen at the start stands for itself. */
        private IntPredicate oneOf() {
            boolean negated = pattern[at] == '!';
            at += negated ? 1 : 0;
            IntPredicate listed = each -> false;
            if (pattern[at] == '-') {
                at++;
                listed = each -> each == '-';
            }
            while (pattern[at] != ']') {
                int first = pattern[at++];
                int last = first;
                if (pattern[at] == '-' && pattern[at + 1] != ']') {
                    last = pattern[at + 1];
                    at += 2;
                }
                int highest = last;
                listed = listed.or(each -> first <= each && each <= highest);
            }
            at++;
            return negated ? listed.negate() : listed;
        }
    }
}
