package org.stateferry.cli;

import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Data for programs. Kept apart so that the JSON library is loaded only when it is asked for. */
final class Json {
    private static final JsonMapper LINES = JsonMapper.builder()
            .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
            .build();

    private Json() {}

    /** The value on one line. */
    static String line(Object value) {
        return LINES.writeValueAsString(value);
    }
}
