package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** The schema that editors use says what the reader does. */
class DefinitionSchemaTest {
    private static final JsonNode SCHEMA =
            JsonMapper.shared().readTree(Path.of("jobs/definition.schema.json").toFile());
    /** All that the schema may use, since nothing else is understood here. */
    private static final Set<String> KEYWORDS = Set.of(
            "$schema",
            "title",
            "description",
            "type",
            "additionalProperties",
            "required",
            "oneOf",
            "properties",
            "items",
            "enum",
            "minimum",
            "maximum");

    static Stream<Path> examples() throws Exception {
        try (Stream<Path> files = Files.list(Path.of("jobs"))) {
            return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("examples")
    void everyExampleIsValid(Path example) throws Exception {
        assertThat(mistakes(Files.readString(example))).isEmpty();
        DefinitionText.read(example);
    }

    @Test
    void whatTheReaderTakesIsValid() {
        assertThat(mistakes(DefinitionText.VALID)).isEmpty();
        assertThat(mistakes("{dump: a, image: b, into: c, options: {from-snapshot: d}}"))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{dump: a, image: b}",
                "{dump: a, image: b, name: c, into: d}",
                "{dump: a, image: b, name: c, options: {wait: 1m}}",
                "{dump: a, image: b, name: c, more: d}",
                "{dump: a, image: b, name: c, options: {io: fast}}",
                "{dump: a, image: b, name: c, options: {verify: 'true'}}",
                "{dump: a, image: b, name: c, retry: {attempts: 0}}",
                "{dump: a, image: b, name: c, window: {from: '22:00'}}",
                "{dump: a, image: b, name: c, also: [[d]]}",
                "{dump: a, image: b, name: c, notify: {on: [failures]}}",
                "{dump: a, image: b, name: c, notify: {sms: 1}}",
            })
    void whatTheReaderRefusesIsNot(String definition) {
        assertThat(mistakes(definition)).isNotEmpty();
    }

    /** Those of the reader are what the guide promises; see the test of what stays stable. */
    @Test
    void theFieldsAreThoseOfTheReader() throws Exception {
        SortedSet<String> fields = new TreeSet<>();
        collect(SCHEMA, "", fields);

        assertThat(fields)
                .containsExactlyElementsOf(Files.readAllLines(Path.of("src/test/resources/stable.txt")).stream()
                        .filter(line -> line.startsWith("definition "))
                        .map(line -> line.substring("definition ".length()))
                        .sorted()
                        .toList());
    }

    private static void collect(JsonNode schema, String prefix, SortedSet<String> fields) {
        assertThat(KEYWORDS).containsAll(schema.propertyNames());
        schema.path("properties").properties().forEach(property -> {
            String name = prefix + property.getKey();
            if (property.getValue().has("properties")) {
                collect(property.getValue(), name + ".", fields);
            } else {
                assertThat(KEYWORDS).containsAll(property.getValue().propertyNames());
                fields.add(name);
            }
        });
    }

    private static List<String> mistakes(String definition) {
        List<String> mistakes = new ArrayList<>();
        check(SCHEMA, new YAMLMapper().readTree(definition), "", mistakes);
        return mistakes;
    }

    private static void check(JsonNode schema, JsonNode value, String where, List<String> mistakes) {
        if (schema.has("type") && types(schema.get("type")).noneMatch(type -> isOf(type, value))) {
            mistakes.add(where + " is not of type " + schema.get("type"));
        }
        if (schema.has("enum") && schema.get("enum").valueStream().noneMatch(one -> one.equals(value))) {
            mistakes.add(where + " is none of " + schema.get("enum"));
        }
        if (value.isNumber()) {
            double number = value.asDouble();
            if (number < schema.path("minimum").asDouble(number)
                    || number > schema.path("maximum").asDouble(number)) {
                mistakes.add(where + " is out of bounds");
            }
        }
        schema.path("required")
                .valueStream()
                .map(JsonNode::asString)
                .filter(name -> !value.has(name))
                .forEach(name -> mistakes.add(where + name + " is missing"));
        long fitting = schema.path("oneOf")
                .valueStream()
                .filter(one -> one.get("required").valueStream().allMatch(name -> value.has(name.asString())))
                .count();
        if (schema.has("oneOf") && fitting != 1) {
            mistakes.add(where + " does not have exactly one of " + schema.get("oneOf"));
        }
        if (value.isObject()) {
            value.properties().forEach(field -> {
                JsonNode known = schema.path("properties").path(field.getKey());
                if (known.isMissingNode()) {
                    mistakes.add(where + field.getKey() + " is not known");
                } else {
                    check(known, field.getValue(), where + field.getKey() + ".", mistakes);
                }
            });
        }
        if (value.isArray()) {
            value.forEach(item -> check(schema.path("items"), item, where + "[]", mistakes));
        }
    }

    private static Stream<String> types(JsonNode type) {
        return type.isArray() ? type.valueStream().map(JsonNode::asString) : Stream.of(type.asString());
    }

    private static boolean isOf(String type, JsonNode value) {
        return switch (type) {
            case "object" -> value.isObject();
            case "array" -> value.isArray();
            case "string" -> value.isString();
            case "boolean" -> value.isBoolean();
            case "integer" -> value.isIntegralNumber();
            case "number" -> value.isNumber();
            default -> throw new IllegalArgumentException(type);
        };
    }
}
