package org.stateferry.repository;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.ForeignText;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.SerializableString;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.io.CharacterEscapes;
import tools.jackson.core.io.SerializedString;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * All JSON that the program writes: one value on one line, UTF-8. Text in it is whole, and what {@link ForeignText} calls
 * dangerous is written as {@code \}{@code uXXXX}, so that a terminal or a log that shows the line is safe.
 *
 * <p>Kept apart so that the JSON library is loaded only when it is asked for. Thread-safe.
 */
public final class JsonText {
    private static final JsonMapper MAPPER = JsonMapper.builder(
                    JsonFactory.builder().characterEscapes(new Escapes()).build())
            // The documented order of the names is that of a record's components.
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .build();

    private JsonText() {}

    /** The value on one line, without a line end. */
    public static String line(Object value) {
        return MAPPER.writeValueAsString(value);
    }

    /**
     * Writes the value without a line end, piece by piece: of an {@link Iterable} one element is in memory at a time. The
     * target is neither flushed nor closed.
     */
    public static void write(Object value, OutputStream target) throws IOException {
        try (JsonGenerator generator = MAPPER.createGenerator(new Unclosed(target))) {
            generator.configure(StreamWriteFeature.AUTO_CLOSE_TARGET, false);
            MAPPER.writeValue(generator, value);
        }
    }

    /**
     * Reads one value.
     *
     * @throws tools.jackson.core.JacksonException if the text is something else
     */
    public static <T> T read(String text, TypeReference<T> type) {
        return MAPPER.readValue(text, type);
    }

    /** The generator flushes what it is given at its end, and with that whatever is behind a buffer. */
    private static final class Unclosed extends OutputStream {
        private final OutputStream target;

        private Unclosed(OutputStream target) {
            this.target = target;
        }

        @Override
        public void write(int value) throws IOException {
            target.write(value);
        }

        @Override
        public void write(byte[] bytes, int start, int size) throws IOException {
            target.write(bytes, start, size);
        }
    }

    /** Halves of surrogate pairs are always escaped: the library asks for them one by one. */
    private static final class Escapes extends CharacterEscapes {
        private static final long serialVersionUID = 1L;

        private static final int[] ASCII = ascii();

        private static int[] ascii() {
            int[] codes = CharacterEscapes.standardAsciiEscapesForJSON();
            codes[0x7f] = CharacterEscapes.ESCAPE_STANDARD;
            return codes;
        }

        @Override
        public int[] getEscapeCodesForAscii() {
            return ASCII;
        }

        @Override
        public @Nullable SerializableString getEscapeSequence(int character) {
            return ForeignText.isDangerous(character)
                    ? new SerializedString(String.format(Locale.ROOT, "\\u%04x", character))
                    : null;
        }
    }
}
