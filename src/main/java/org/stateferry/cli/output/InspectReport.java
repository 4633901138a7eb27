package org.stateferry.cli.output;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpContent;

/** What {@code inspect} found in a file, for people and for programs. */
public interface InspectReport {
    /**
     * Tells a person, line by line.
     *
     * @param lines takes lines that may hold anything that the file does
     */
    void printTo(Consumer<String> lines);

    /** The fields of a JSON object; long lists are made while they are written. */
    Map<String, Object> fields();

    /** Why the file cannot be used at all; the first one is what the command fails with. Mostly none. */
    default List<StateferryException> failures() {
        return List.of();
    }

    /** A form that is known by name only. */
    record Other(Path file, DumpContent.Other content) implements InspectReport {
        @Override
        public void printTo(Consumer<String> lines) {
            lines.accept("file: " + file);
            lines.accept("format: " + content.description());
            lines.accept("next: " + content.advice());
        }

        @Override
        public Map<String, Object> fields() {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("file", file.toString());
            fields.put("format", "other");
            fields.put("description", content.description());
            fields.put("advice", content.advice());
            return fields;
        }
    }

    /** Tells the problems of a file, each with what to do about it. */
    static void printProblems(List<StateferryException> problems, Consumer<String> lines) {
        for (StateferryException problem : problems) {
            lines.accept(
                    "problem: " + problem.problem() + (problem.offset() < 0 ? "" : ", at byte " + problem.offset()));
            lines.accept("next: " + problem.nextStep());
        }
    }

    /** The problems of a file as objects. */
    static List<Map<String, Object>> problemFields(List<StateferryException> problems) {
        List<Map<String, Object>> objects = new ArrayList<>();
        for (StateferryException problem : problems) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("kind", problem.kind().tag());
            fields.put("offset", problem.offset() < 0 ? null : problem.offset());
            fields.put("message", problem.problem());
            fields.put("advice", problem.nextStep());
            objects.add(fields);
        }
        return objects;
    }
}
