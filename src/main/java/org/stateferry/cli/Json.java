package org.stateferry.cli;

import tools.jackson.databind.json.JsonMapper;

/** Data for programs. Kept apart so that the JSON library is loaded only when it is asked for. */
final class Json {
    private Json() {}

    /** The value on one line. */
    static String line(Object value) {
        return JsonMapper.shared().writeValueAsString(value);
    }
}
