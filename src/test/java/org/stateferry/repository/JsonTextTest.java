package org.stateferry.repository;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.core.type.TypeReference;

class JsonTextTest {
    private static final String HOSTILE = "\u001b\u009b\u007f\u202e\u2066\u2028é保👩";

    private static String written(Object value) throws IOException {
        ByteArrayOutputStream target = new ByteArrayOutputStream();
        JsonText.write(value, target);
        return target.toString(StandardCharsets.UTF_8);
    }

    @Test
    void whatCanDoSomethingToATerminalIsEscapedAndWhole() throws IOException {
        String expected = "{\"name\":\"\\u001B\\u009b\\u007F\\u202e\\u2066\\u2028é保\\ud83d\\udc69\"}";

        assertThat(JsonText.line(Map.of("name", HOSTILE))).isEqualTo(expected);
        assertThat(written(Map.of("name", HOSTILE))).isEqualTo(expected);
        assertThat(JsonText.read(expected, new TypeReference<Map<String, String>>() {}))
                .containsEntry("name", HOSTILE);
    }

    @Test
    void elementsAreMadeOneByOne() throws IOException {
        Iterable<Integer> numbers = () -> IntStream.range(0, 3).iterator();
        assertThat(written(Map.of("numbers", numbers))).isEqualTo("{\"numbers\":[0,1,2]}");
        assertThat(JsonText.line(List.of())).isEqualTo("[]");
    }
}
