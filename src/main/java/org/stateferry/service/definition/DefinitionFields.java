package org.stateferry.service.definition;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.SmallFile;
import org.stateferry.host.TrustedFolder;
import org.stateferry.host.TrustedFolder.Objection;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLParser;

/**
 * The fields of one definition file with the lines they are on. A definition is a YAML mapping of scalars, of lists of
 * scalars, and of mappings of these one level deep; everything else (anchors, a second document, a key twice) is refused.
 *
 * <p>Callers {@linkplain #take take} the fields they know, then {@link #requireAllTaken}; all mistakes that turn up meanwhile
 * are {@linkplain #mistakes collected}. Not thread-safe.
 */
public final class DefinitionFields {
    /** The fields that may have several values. */
    private static final Set<String> LISTS = Set.of(
            "also",
            "source.include",
            "notify.on",
            "notify.webhook",
            "notify.mail",
            "notify.ping",
            "options.drop-sections");

    private static final int LARGEST_FILE = 64 * 1024;

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
    public record Field(String text, int line) {}

    private DefinitionFields(Path file) {
        this.file = file;
    }

    /**
     * Reads a file.
     *
     * @throws StateferryException if it cannot be read as such fields at all
     */
    public static DefinitionFields read(Path file) throws StateferryException {
        DefinitionFields definition = new DefinitionFields(file);
        String text = definition.load();
        try (JsonParser parser = new YAMLFactory().createParser(ObjectReadContext.empty(), text)) {
            definition.readDocument((YAMLParser) parser);
        } catch (JacksonException e) {
            int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
            throw definition
                    .problem(line, "not valid YAML: " + e.getOriginalMessage())
                    .causedBy(e);
        }
        return definition;
    }

    private String load() throws StateferryException {
        try {
            // A link is fine, as long as it leads to a file: definitions may be mounted as such.
            if (Files.isRegularFile(file)) {
                requireTrusted(TrustedFolder.objectionToSharedFile(file));
            }
            byte[] content = SmallFile.read(file, Links.FOLLOW, LARGEST_FILE);
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(content))
                    .toString();
        } catch (StateferryException e) {
            throw e;
        } catch (NoSuchFileException e) {
            throw problem("vanished while it was read").causedBy(e);
        } catch (CharacterCodingException e) {
            throw problem("cannot be read as UTF-8 text").causedBy(e);
        } catch (AccessDeniedException e) {
            throw problem("cannot be read: permission denied").causedBy(e);
        } catch (FileSystemException e) {
            throw problem("cannot be read: " + e.getReason()).causedBy(e);
        } catch (IOException e) {
            throw problem("cannot be read: " + e.getMessage()).causedBy(e);
        }
    }

    /** Whoever can write a definition can have every file imported, and every image written to, that this user may. */
    private void requireTrusted(Optional<Objection> objection) throws StateferryException {
        if (objection.isPresent()) {
            String remedy = objection.get().remedy();
            throw StateferryException.in(FailureKind.CONFIGURATION, file, "is not obeyed, because " + objection.get())
                    .advise(remedy.isEmpty() ? "Keep definitions where only you may write." : remedy + ".");
        }
    }

    private void readDocument(YAMLParser parser) throws StateferryException {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw problem(lineOf(parser), "a mapping of fields is expected");
        }
        readMapping(parser, "");
        if (parser.nextToken() != null) {
            throw problem(lineOf(parser), "one definition a file is expected; something follows the first");
        }
    }

    private void readMapping(YAMLParser parser, String prefix) {
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = prefix + parser.currentName();
            int line = lineOf(parser);
            JsonToken value = parser.nextToken();
            if (value == JsonToken.START_OBJECT && prefix.isEmpty()) {
                readMapping(parser, key + ".");
            } else if (value == JsonToken.START_ARRAY && LISTS.contains(key)) {
                readList(parser, key);
            } else if (isPlain(parser)) {
                put(key, new Field(parser.getString(), line));
            } else {
                parser.skipChildren();
                spoil(key, line, "'" + key + "' must have a plain value");
            }
        }
    }

    private static boolean isPlain(YAMLParser parser) {
        JsonToken value = parser.currentToken();
        return value.isScalarValue() && value != JsonToken.VALUE_NULL && !parser.isCurrentAlias();
    }

    private void readList(YAMLParser parser, String key) {
        int count = 0;
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (isPlain(parser)) {
                put(element(key, count++), new Field(parser.getString(), lineOf(parser)));
            } else {
                int line = lineOf(parser);
                parser.skipChildren();
                spoil(key, line, "'" + key + "' must have plain values");
            }
        }
    }

    private void spoil(String key, int line, String what) {
        spoiled.add(key);
        mistake(line, what);
    }

    private static String element(String key, int index) {
        return key + "[" + index + "]";
    }

    private void put(String key, Field field) {
        Field earlier = fields.putIfAbsent(key, field);
        if (earlier != null) {
            mistake(field.line, "'" + key + "' was given on line " + earlier.line + " already");
        }
    }

    private static int lineOf(JsonParser parser) {
        return parser.currentTokenLocation().getLineNr();
    }

    /** Takes a field out, or returns null if it is not given. */
    @Nullable
    public Field take(String key) {
        return fields.remove(key);
    }

    /** Takes all elements of a list out; a plain value is a list of one. */
    public List<Field> takeList(String key) {
        List<Field> list = new ArrayList<>();
        Field only = take(key);
        if (only != null) {
            list.add(only);
        }
        for (Field next = take(element(key, 0)); next != null; next = take(element(key, list.size()))) {
            list.add(next);
        }
        return list;
    }

    /** Takes a field out that must be given and not be blank; null, and a mistake, if it is not. */
    @Nullable
    public Field require(String key) {
        Field field = take(key);
        if (field == null) {
            if (!spoiled.contains(key)) {
                mistake("'" + key + "' is missing");
            }
            return null;
        }
        if (field.text.isBlank()) {
            mistake(field.line, "'" + key + "' is empty");
            return null;
        }
        return field;
    }

    /** Whether a field was given, but not as it must be. */
    public boolean isSpoiled(String key) {
        return spoiled.contains(key);
    }

    /** Notes each field that nobody took. */
    public void requireAllTaken() {
        fields.forEach((key, field) -> mistake(field.line, "'" + key + "' is not a field of a definition"));
    }

    /** Notes a mistake in one line of the file. */
    public void mistake(int line, String what) {
        mistake("line " + line + ": " + what);
    }

    /** Notes a mistake of the file as a whole. */
    public void mistake(String what) {
        mistakes.add(new DefinitionMistake(file, what, DefinitionMistake.CORRECT_IT));
    }

    /** What is wrong, as far as it has turned up. */
    public List<DefinitionMistake> mistakes() {
        return List.copyOf(mistakes);
    }

    private StateferryException problem(int line, String what) {
        return problem("line " + line + ": " + what);
    }

    private StateferryException problem(String what) {
        return StateferryException.in(FailureKind.CONFIGURATION, file, what).advise(DefinitionMistake.CORRECT_IT);
    }
}
