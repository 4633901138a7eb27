package org.stateferry.service.definition;

import java.nio.file.Path;
import java.time.DateTimeException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The fields of one definition file with the lines they are on. Each part of a definition reads the fields it knows, which takes them
 * out; then {@link #requireAllTaken} finds those that nobody knows. All mistakes that turn up meanwhile are {@linkplain #mistakes
 * collected}, each with file, line and field. Not thread-safe.
 *
 * <p>A field is read by a function of its text. What that function refuses by an {@link IllegalArgumentException}, a
 * {@link DateTimeException} or an {@link ArithmeticException} is a mistake in the field; the exception's message says what is wrong.
 */
public final class DefinitionFields {
    private final Path file;
    private final Map<String, Field> fields = new LinkedHashMap<>();
    /** What was given, but not as it must be: it is not missing as well. */
    private final Set<String> spoiled = new HashSet<>();

    private final List<DefinitionMistake> mistakes = new ArrayList<>();

    /**
     * A field's value.
     *
     * @param text the scalar as written, without quotes
     * @param line counted from 1
     */
    private record Field(String text, int line) {}

    /** @param file where they come from, for mistakes */
    DefinitionFields(Path file) {
        this.file = file;
    }

    /** Adds a field; a second one of the same key is a mistake. */
    void put(String key, String text, int line) {
        Field earlier = fields.putIfAbsent(key, new Field(text, line));
        if (earlier != null) {
            mistake(line, "'" + key + "' was given on line " + earlier.line + " already");
        }
    }

    /** Notes that a field was given, but not as it must be. */
    void spoil(String key, int line, String what) {
        spoiled.add(key);
        mistake(line, what);
    }

    /** The key of an element of a list. */
    static String element(String key, int index) {
        return key + "[" + index + "]";
    }

    /** Whether a field is given and was not read yet. */
    public boolean has(String key) {
        return fields.containsKey(key);
    }

    /** Those of some fields that {@linkplain #has are given}, in the same order. */
    public List<String> given(String... keys) {
        return Stream.of(keys).filter(this::has).toList();
    }

    /** Whether a field was given, but not as it must be. */
    public boolean isSpoiled(String key) {
        return spoiled.contains(key);
    }

    /** A field's value; null if it is not given, and also, beside a mistake, if it is not valid. */
    public <T extends @Nullable Object> @Nullable T read(String key, Function<String, T> reading) {
        return value(fields.remove(key), key, reading);
    }

    /** @param absent the value if the field is not given, and also, beside a mistake, if it is not valid */
    public <T extends @Nullable Object> T read(String key, T absent, Function<String, T> reading) {
        @Nullable T value = read(key, reading);
        return value == null ? absent : value;
    }

    /** A field of which a group is made as a whole, so that what is wrong is told of the group: {@code create} for example. */
    public <T> @Nullable T readGroup(String group, String key, Function<String, T> reading) {
        return value(fields.remove(key), group, reading);
    }

    /** A field that is true or false; false if it is not given. */
    public boolean flag(String key) {
        return read(key, false, FieldValues::truth);
    }

    /** The value of a field that must be given and not be blank; null, and a mistake, if it is not. */
    public <T extends @Nullable Object> @Nullable T require(String key, Function<String, T> reading) {
        Field field = fields.remove(key);
        if (field == null) {
            if (!isSpoiled(key)) {
                mistake("'" + key + "' is missing");
            }
            return null;
        }
        if (field.text.isBlank()) {
            mistake(field.line, "'" + key + "' is empty");
            return null;
        }
        return value(field, key, reading);
    }

    /** The values of all elements of a list that are valid; a plain value is a list of one. */
    public <T> List<T> readAll(String key, Function<String, T> reading) {
        return readAll(key, Integer.MAX_VALUE, reading);
    }

    /** @param most more elements than that are a mistake */
    public <T> List<T> readAll(String key, int most, Function<String, T> reading) {
        List<Field> given = new ArrayList<>();
        Field only = fields.remove(key);
        if (only != null) {
            given.add(only);
        }
        for (Field next = fields.remove(element(key, 0));
                next != null;
                next = fields.remove(element(key, given.size()))) {
            given.add(next);
        }
        List<T> values = new ArrayList<>();
        for (Field field : given) {
            @Nullable T value = value(field, key, reading);
            if (value != null) {
                values.add(value);
            }
        }
        if (given.size() > most) {
            mistake(given.get(most).line, "'" + key + "' has more than " + most + " values");
            return List.of();
        }
        return List.copyOf(values);
    }

    private <T extends @Nullable Object> @Nullable T value(
            @Nullable Field field, String key, Function<String, T> reading) {
        if (field == null) {
            return null;
        }
        try {
            return reading.apply(field.text);
        } catch (IllegalArgumentException | DateTimeException | ArithmeticException e) {
            mistake(field.line, "'" + key + "': " + e.getMessage());
            return null;
        }
    }

    /** Notes that a field has no place in a definition, if it is given, and why. */
    public void refuse(String key, String why) {
        Field field = fields.remove(key);
        if (field != null) {
            mistake(field.line, "'" + key + "' is not a field of a definition: " + why);
        }
    }

    /** Notes each field that nobody has read. */
    public void requireAllTaken() {
        fields.forEach((key, field) -> mistake(field.line, "'" + key + "' is not a field of a definition"));
    }

    /** Notes a mistake of the file as a whole. */
    public void mistake(String what) {
        mistakes.add(new DefinitionMistake(file, what, DefinitionMistake.CORRECT_IT));
    }

    private void mistake(int line, String what) {
        mistake("line " + line + ": " + what);
    }

    /** What is wrong, as far as it has turned up. */
    public List<DefinitionMistake> mistakes() {
        return List.copyOf(mistakes);
    }
}
