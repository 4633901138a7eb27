package org.stateferry.home;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import org.stateferry.error.ForeignText;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;

/**
 * The process that owns the job repository, as shown to those who wait for it.
 *
 * @param pid its process id
 * @param command its command line, fit for printing
 * @param since when it began to own, or to want, the repository
 * @param service whether it stays until someone stops it
 */
public record RepositoryOwner(long pid, String command, Instant since, boolean service) {
    /** A longer file is not one of ours. */
    private static final int FILE_SIZE_MAX = 64 << 10;

    private static final int COMMAND_LENGTH_MAX = 300;

    /** The system derives a process's start from a clock that may have been set since. */
    private static final Duration CLOCK_TOLERANCE = Duration.ofMinutes(1);

    /**
     * This process.
     *
     * @param words the words of its command line after the program's name
     * @param service whether it stays until someone stops it
     */
    public static RepositoryOwner thisProcess(List<String> words, boolean service) {
        String line = ForeignText.escape("stateferry " + String.join(" ", words));
        String command = line.length() > COMMAND_LENGTH_MAX ? line.substring(0, COMMAND_LENGTH_MAX) + "..." : line;
        return new RepositoryOwner(ProcessHandle.current().pid(), command, Instant.now(), service);
    }

    /** Who it is, in a few words for a message. */
    public String describe() {
        return "pid " + pid + " (" + command + ")";
    }

    void write(Path file) throws IOException {
        Properties properties = new Properties();
        properties.setProperty("pid", Long.toString(pid));
        properties.setProperty("command", command);
        properties.setProperty("since", since.toString());
        properties.setProperty("service", Boolean.toString(service));
        StringWriter text = new StringWriter();
        properties.store(text, null);
        PrivateFile.replace(file, text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Reads what the present owner wrote; empty if it has not come to that yet. A killed owner leaves its file behind, so
     * one whose process is gone, or whose process id was given to a younger process, does not count.
     */
    static Optional<RepositoryOwner> read(Path file) {
        try {
            byte[] text = SmallFile.read(file, Links.STAY, FILE_SIZE_MAX);
            Properties properties = new Properties();
            properties.load(new StringReader(new String(text, StandardCharsets.UTF_8)));
            RepositoryOwner owner = new RepositoryOwner(
                    Long.parseLong(properties.getProperty("pid", "")),
                    properties.getProperty("command", "stateferry"),
                    Instant.parse(properties.getProperty("since", "")),
                    Boolean.parseBoolean(properties.getProperty("service")));
            return owner.isAlive() ? Optional.of(owner) : Optional.empty();
        } catch (IOException | DateTimeParseException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private boolean isAlive() {
        return ProcessHandle.of(pid)
                .filter(ProcessHandle::isAlive)
                .filter(process -> process.info()
                        .startInstant()
                        .map(start -> !start.isAfter(since.plus(CLOCK_TOLERANCE)))
                        .orElse(true))
                .isPresent();
    }
}
