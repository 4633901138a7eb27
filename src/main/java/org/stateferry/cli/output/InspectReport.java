package org.stateferry.cli.output;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpContent;

/** What {@code inspect} found in a file, for people and for programs. */
public interface InspectReport {
    /** Lines for a person; they may hold anything that the file does. */
    List<String> lines();

    /** The fields of a JSON object. */
    Map<String, Object> fields();

    /** A form that is known by name only. */
    record Other(Path file, DumpContent.Other content) implements InspectReport {
        @Override
        public List<String> lines() {
            return List.of("file: " + file, "format: " + content.description(), "next: " + content.advice());
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

    /** The problems of a file as lines, each with what to do about it. */
    static List<String> problemLines(List<StateferryException> problems) {
        List<String> lines = new ArrayList<>();
        for (StateferryException problem : problems) {
            lines.add("problem: " + problem.problem() + (problem.offset() < 0 ? "" : ", at byte " + problem.offset()));
            if (problem.advice() != null) {
                lines.add("next: " + problem.advice());
            }
        }
        return lines;
    }

    /** The problems of a file as objects. */
    static List<Map<String, Object>> problemFields(List<StateferryException> problems) {
        List<Map<String, Object>> objects = new ArrayList<>();
        for (StateferryException problem : problems) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("kind", problem.kind().tag());
            fields.put("offset", problem.offset() < 0 ? null : problem.offset());
            fields.put("message", problem.problem());
            fields.put("advice", problem.advice());
            objects.add(fields);
        }
        return objects;
    }
}
