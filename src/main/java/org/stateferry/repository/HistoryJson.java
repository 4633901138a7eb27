package org.stateferry.repository;

import java.util.List;
import tools.jackson.core.type.TypeReference;

/** The history as JSON: an array of {@link ImportRecord}s; times are ISO-8601 in UTC, what is absent is null. */
public final class HistoryJson {
    private HistoryJson() {}

    /** One line without a line end. */
    public static String write(List<ImportRecord> records) {
        return JsonText.line(records);
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws tools.jackson.core.JacksonException if the text is something else
     */
    public static List<ImportRecord> read(String text) {
        return JsonText.read(text, new TypeReference<>() {});
    }
}
