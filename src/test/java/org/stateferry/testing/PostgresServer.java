package org.stateferry.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/**
 * A PostgreSQL server with an empty database of its own, on a free port of the loopback interface. Closing it ends this server
 * and no other.
 */
public final class PostgresServer implements AutoCloseable {
    private static final Path VERSIONS = Path.of("/usr/lib/postgresql");
    private static final Duration LIMIT = Duration.ofMinutes(10);
    /** The server refuses to run as root; this account comes with its package. */
    private static final String ACCOUNT = "postgres";

    private final Path programs;
    private final Path folder;
    private final int port;

    private PostgresServer(Path programs, Path folder, int port) {
        this.programs = programs;
        this.folder = folder;
        this.port = port;
    }

    /** Starts a server, or skips the calling test where none is installed; fails it where QEMU is required, too. */
    public static PostgresServer start() throws IOException {
        Path folder = Files.createTempDirectory("stateferry-postgres");
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            PostgresServer server = new PostgresServer(programs(), folder, free.getLocalPort());
            free.close();
            server.initialize();
            return server;
        }
    }

    private static Path programs() throws IOException {
        if (Files.isDirectory(VERSIONS)) {
            try (Stream<Path> versions = Files.list(VERSIONS)) {
                List<Path> found = versions.map(version -> version.resolve("bin"))
                        .filter(bin -> Files.isExecutable(bin.resolve("initdb")))
                        .sorted()
                        .toList();
                if (!found.isEmpty()) {
                    return found.get(found.size() - 1);
                }
            }
        }
        String reason = "no PostgreSQL server below " + VERSIONS;
        if (Boolean.getBoolean("stateferry.requireQemu")) {
            Assertions.fail(reason);
        }
        Assumptions.abort(reason);
        throw new AssertionError();
    }

    private void initialize() {
        if (isRoot()) {
            RunningCommand.run(LIMIT, List.of("chown", ACCOUNT, folder.toString()))
                    .requireSuccess();
        }
        run("initdb", "-D", data(), "-A", "trust", "-U", ACCOUNT, "-E", "UTF8", "--no-sync");
        begin();
    }

    /** Ends the server, and with it every connection, and starts it again. */
    public void restart() {
        run("pg_ctl", "-D", data(), "-w", "-m", "immediate", "stop");
        begin();
    }

    private void begin() {
        run(
                "pg_ctl",
                "-D",
                data(),
                "-w",
                "-l",
                folder.resolve("log").toString(),
                "-o",
                "-p " + port + " -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off",
                "start");
    }

    /** Where it listens. */
    public int port() {
        return port;
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    private String data() {
        return folder.resolve("data").toString();
    }

    private void run(String program, String... arguments) {
        List<String> command = new ArrayList<>();
        if (isRoot()) {
            command.addAll(List.of("setpriv", "--reuid=" + ACCOUNT, "--regid=" + ACCOUNT, "--clear-groups"));
        }
        command.addAll(List.of(
                "env", "-C", folder.toString(), programs.resolve(program).toString()));
        command.addAll(List.of(arguments));
        RunningCommand.run(LIMIT, command).requireSuccess();
    }

    /** The settings of a home whose job repository this database is. */
    public String settings() {
        return settings(port);
    }

    /** The same by way of another port, at which somebody listens who hands on. */
    public String settings(int otherPort) {
        return "spring.datasource.url=jdbc:postgresql://127.0.0.1:" + otherPort + "/postgres\n"
                + "spring.datasource.username=" + ACCOUNT + "\n";
    }

    @Override
    public void close() throws IOException {
        run("pg_ctl", "-D", data(), "-w", "-m", "immediate", "stop");
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
