package org.stateferry.batch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Map;
import org.springframework.batch.core.repository.ExecutionContextSerializer;
import org.springframework.batch.core.repository.dao.DefaultExecutionContextSerializer;
import org.springframework.batch.core.repository.dao.JacksonExecutionContextStringSerializer;

/**
 * Stores execution contexts as JSON: readable for people, and reading it creates plain values only. Contexts that were
 * stored as serialised Java, as all were once, are still read, so that a history survives the upgrade.
 *
 * <p>Thread-safe.
 */
final class ContextSerializer implements ExecutionContextSerializer {
    private final ExecutionContextSerializer json = new JacksonExecutionContextStringSerializer();
    private final ExecutionContextSerializer former = new DefaultExecutionContextSerializer();

    @Override
    public void serialize(Map<String, Object> context, OutputStream target) throws IOException {
        json.serialize(context, target);
    }

    @Override
    public Map<String, Object> deserialize(InputStream source) throws IOException {
        byte[] stored = source.readAllBytes();
        // The other form is Base64, in which there is no brace.
        boolean isJson = stored.length > 0 && stored[0] == '{';
        return (isJson ? json : former).deserialize(new ByteArrayInputStream(stored));
    }
}
