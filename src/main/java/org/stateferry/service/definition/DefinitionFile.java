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
import java.util.Optional;
import java.util.Set;
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
 * Reads the {@linkplain DefinitionFields fields} of a definition file, which is a YAML mapping of scalars, of lists of scalars, and of
 * mappings of these one level deep; everything else (anchors, a second document, a key twice) is refused. Not thread-safe.
 */
public final class DefinitionFile {
    /** The fields that may have several values. */
    private static final Set<String> LISTS = Set.of(
            "also",
            "source.include",
            "notify.on",
            "notify.webhook",
            "notify.mail",
            "notify.ping",
            "options.drop-sections");

    /** In bytes. */
    private static final int LARGEST_FILE = 64 * 1024;

    private final Path file;
    private final DefinitionFields fields;

    private DefinitionFile(Path file) {
        this.file = file;
        fields = new DefinitionFields(file);
    }

    /**
     * Reads a file.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION} if it cannot be read as such fields at all, or if others
     *     than its user may write to it
     */
    public static DefinitionFields read(Path file) throws StateferryException {
        DefinitionFile definition = new DefinitionFile(file);
        String text = definition.load();
        try (JsonParser parser = new YAMLFactory().createParser(ObjectReadContext.empty(), text)) {
            definition.readDocument((YAMLParser) parser);
        } catch (JacksonException e) {
            int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
            throw definition
                    .problem(line, "not valid YAML: " + e.getOriginalMessage())
                    .causedBy(e);
        }
        return definition.fields;
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
                fields.put(key, parser.getString(), line);
            } else {
                parser.skipChildren();
                fields.spoil(key, line, "'" + key + "' must have a plain value");
            }
        }
    }

    private void readList(YAMLParser parser, String key) {
        int count = 0;
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (isPlain(parser)) {
                fields.put(DefinitionFields.element(key, count++), parser.getString(), lineOf(parser));
            } else {
                int line = lineOf(parser);
                parser.skipChildren();
                fields.spoil(key, line, "'" + key + "' must have plain values");
            }
        }
    }

    private static boolean isPlain(YAMLParser parser) {
        JsonToken value = parser.currentToken();
        return value.isScalarValue() && value != JsonToken.VALUE_NULL && !parser.isCurrentAlias();
    }

    private static int lineOf(JsonParser parser) {
        return parser.currentTokenLocation().getLineNr();
    }

    private StateferryException problem(int line, String what) {
        return problem("line " + line + ": " + what);
    }

    private StateferryException problem(String what) {
        return StateferryException.in(FailureKind.CONFIGURATION, file, what).advise(DefinitionMistake.CORRECT_IT);
    }
}
