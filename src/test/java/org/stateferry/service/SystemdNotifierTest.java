package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.host.SupervisorSocket;
import org.stateferry.testing.RunningCommand;

/** What systemd would hear, by a real socket of its kind. */
class SystemdNotifierTest {
    /** Java has no such sockets, so another program listens. */
    private static final String LISTENER = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            name = sys.argv[1]
            s.bind('\\0' + name[1:] if name[0] == '@' else name)
            print('listening', file=sys.stderr, flush=True)
            while True:
                print(s.recv(4096).decode(), file=sys.stderr, flush=True)
            """;

    @TempDir
    Path folder;

    @Test
    void readinessSignsOfLifeAndTheEndAreTold() throws Exception {
        assumeThat(Path.of("/usr/bin/python3")).exists();
        for (String address : List.of(folder.resolve("notify").toString(), "@" + folder)) {
            Path script = Files.writeString(folder.resolve("listen.py"), LISTENER);
            try (RunningCommand systemd =
                    RunningCommand.start(List.of("/usr/bin/python3", script.toString(), address), Map.of())) {
                assertThat(systemd.awaitStderr("listening")).isTrue();
                SystemdNotifier notifier =
                        new SystemdNotifier(SupervisorSocket.of(address), Optional.of(Duration.ofMillis(20)));

                notifier.start();
                assertThat(systemd.awaitStderr("WATCHDOG=1")).isTrue();
                notifier.stop();

                assertThat(systemd.awaitStderr("STOPPING=1")).isTrue();
                assertThat(systemd.stderr()).startsWith("listening\nREADY=1\nWATCHDOG=1\n");
            }
        }
    }

    @Test
    void withoutSystemdNothingIsTold() {
        assertThat(SupervisorSocket.of(null)).isEmpty();
        assertThat(SupervisorSocket.of("relative")).isEmpty();
        SystemdNotifier notifier = new SystemdNotifier(Optional.empty(), Optional.empty());
        notifier.start();
        assertThat(notifier.isRunning()).isTrue();
        notifier.stop();
        assertThat(notifier.isRunning()).isFalse();
    }
}
