package org.stateferry.service.definition;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * A JSON file in the home with state that the service keeps between runs. A file that cannot be read counts as absent,
 * and a failure to write it is logged: neither stops the service. The caller is the only one who writes it.
 *
 * @param <T> what is kept; made of records, lists, texts, numbers and times
 */
public final class HomeFile<T> {
    private static final Logger LOG = LoggerFactory.getLogger(HomeFile.class);
    private static final int SIZE_MAX = 16 << 20;
    private static final JsonMapper JSON = JsonMapper.shared();

    private final Path file;
    private final Class<T> type;

    /**
     * @param file where it is kept
     * @param type what is kept
     */
    public HomeFile(Path file, Class<T> type) {
        this.file = file;
        this.type = type;
    }

    /** What was kept; empty if nothing was, or it cannot be read. */
    public Optional<T> read() {
        try {
            return Optional.ofNullable(JSON.readValue(SmallFile.read(file, Links.STAY, SIZE_MAX), type));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException | JacksonException e) {
            LOG.warn("{} cannot be read, and is begun anew", file, e);
            return Optional.empty();
        }
    }

    /** Keeps this from now on, instead of what was kept. */
    public void write(T content) {
        try {
            PrivateFile.replace(file, JSON.writeValueAsBytes(content));
        } catch (IOException e) {
            LOG.warn("{} cannot be written", file, e);
        }
    }

    /**
     * Replaces the content, which is on stable storage when this returns.
     *
     * @throws IOException if it cannot be written; what was kept before is kept on
     */
    public void writeDurably(T content) throws IOException {
        PrivateFile.replaceDurably(file, JSON.writeValueAsBytes(content));
    }
}
