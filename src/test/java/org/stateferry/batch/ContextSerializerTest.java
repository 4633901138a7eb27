package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.batch.core.repository.dao.DefaultExecutionContextSerializer;

class ContextSerializerTest {
    private static final Map<String, Object> CONTEXT =
            Map.of("stateferry.bytes", 5_000_000_000L, "stateferry.checkpoint", 7L, "stateferry.error.message", "ä\n{");

    private final ContextSerializer serializer = new ContextSerializer();

    @Test
    void aContextIsStoredAsJsonAndNumbersStayLong() throws Exception {
        ByteArrayOutputStream stored = new ByteArrayOutputStream();
        serializer.serialize(CONTEXT, stored);

        assertThat(stored.toString(StandardCharsets.UTF_8))
                .startsWith("{")
                .contains("\"stateferry.bytes\"", "5000000000");
        assertThat(serializer.deserialize(new ByteArrayInputStream(stored.toByteArray())))
                .isEqualTo(CONTEXT);
    }

    @Test
    void whatWasStoredAsSerialisedJavaIsStillRead() throws Exception {
        ByteArrayOutputStream stored = new ByteArrayOutputStream();
        new DefaultExecutionContextSerializer().serialize(CONTEXT, stored);

        assertThat(serializer.deserialize(new ByteArrayInputStream(stored.toByteArray())))
                .isEqualTo(CONTEXT);
    }
}
