package org.stateferry.repository;

import java.util.List;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/** The history as JSON: an array of {@link ImportRecord}s; times are ISO-8601 in UTC, what is absent is null. */
public final class HistoryJson {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            // The documented order of the names is that of the record's components.
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .build();

    private HistoryJson() {}

    /** One line without a line end. */
    public static String write(List<ImportRecord> records) {
        return MAPPER.writeValueAsString(records);
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws tools.jackson.core.JacksonException if the text is something else
     */
    public static List<ImportRecord> read(String text) {
        return MAPPER.readValue(text, new TypeReference<>() {});
    }
}
