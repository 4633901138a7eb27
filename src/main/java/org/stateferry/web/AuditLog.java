package org.stateferry.web;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpStatus;
import org.stateferry.error.ForeignText;
import org.stateferry.home.StateferryHome;
import org.stateferry.host.PrivateFile;
import org.stateferry.repository.JsonText;

/**
 * The audit log: who asked for which change, from where, and with what result. A file in the home (mode 0600) with one
 * line of JSON for each request, refused ones and wrong passwords included. A file of {@link #SIZE_MAX} is put aside;
 * so many of these are kept as {@link #KEPT} says. Requests of those who are not known, which anybody may send, get
 * {@link #UNKNOWN_MAX} lines a minute at most, so that they cannot push out all others. Thread-safe.
 */
final class AuditLog {
    /** In bytes. */
    private static final long SIZE_MAX = 10 << 20;

    private static final int KEPT = 9;
    /** Lines a minute; then one tells how many there were besides. */
    private static final int UNKNOWN_MAX = 60;

    private static final Duration PERIOD = Duration.ofMinutes(1);
    private static final int UNKNOWN_TEXT_MAX = 200;
    private static final Set<Integer> UNKNOWN =
            Set.of(HttpStatus.UNAUTHORIZED.value(), HttpStatus.TOO_MANY_REQUESTS.value());
    private static final Logger log = LoggerFactory.getLogger(AuditLog.class);

    private final Path file;
    private final Clock clock;
    private Instant periodStart = Instant.EPOCH;
    private int unknown;

    AuditLog(StateferryHome home, Clock clock) {
        this.file = home.auditLog();
        this.clock = clock;
    }

    /**
     * Adds a line. If that fails, the framework's log tells; the change itself has been made by then.
     *
     * @param who the user's or the token's name
     * @param from the address that the request came from
     * @param what the request's method and path
     * @param about what it named, or empty
     * @param status the answer's status
     */
    synchronized void add(String who, String from, String what, String about, int status) {
        Instant now = clock.instant();
        if (now.isBefore(periodStart) || !now.isBefore(periodStart.plus(PERIOD))) {
            int more = unknown - UNKNOWN_MAX;
            if (more > 0) {
                write(
                        "",
                        "",
                        "others",
                        more + " more requests of those who are not known",
                        HttpStatus.UNAUTHORIZED.value());
            }
            periodStart = now;
            unknown = 0;
        }
        if (!UNKNOWN.contains(status)) {
            write(who, from, what, about, status);
        } else if (unknown++ < UNKNOWN_MAX) {
            write(
                    ForeignText.cut(who, UNKNOWN_TEXT_MAX),
                    from,
                    ForeignText.cut(what, UNKNOWN_TEXT_MAX),
                    ForeignText.cut(about, UNKNOWN_TEXT_MAX),
                    status);
        }
    }

    private void write(String who, String from, String what, String about, int status) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("at", clock.instant().toString());
        line.put("who", who);
        line.put("from", from);
        line.put("what", what);
        line.put("about", about);
        line.put("status", status);
        try {
            Files.createDirectories(file.getParent());
            if (Files.exists(file) && Files.size(file) >= SIZE_MAX) {
                putAside();
            }
            PrivateFile.append(file, (JsonText.line(line) + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            log.error("The audit log cannot be written: {} {} by {}", what, about, who, e);
        }
    }

    private void putAside() throws IOException {
        for (int number = KEPT; number > 0; number--) {
            Path younger = number == 1 ? file : aside(number - 1);
            if (Files.exists(younger)) {
                Files.move(younger, aside(number), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private Path aside(int number) {
        return file.resolveSibling(file.getFileName() + "." + number);
    }
}
