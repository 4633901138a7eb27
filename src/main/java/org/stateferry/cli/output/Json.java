package org.stateferry.cli.output;

import tools.jackson.databind.json.JsonMapper;

/** Data for programs. Kept apart so that the JSON library is loaded only when it is asked for. */
public final class Json {
    private Json() {}

    /** The value on one line. */
    public static String line(Object value) {
        return JsonMapper.shared().writeValueAsString(value);
    }
}
