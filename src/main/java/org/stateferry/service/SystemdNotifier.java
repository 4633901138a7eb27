package org.stateferry.service;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.stateferry.host.SupervisorSocket;

/**
 * Tells systemd, where it has started the service and asked for that, when the service is ready, that it is alive, and that it
 * is ending (sd_notify(3)). It starts last and ends first.
 */
final class SystemdNotifier implements SmartLifecycle {
    private static final Logger log = LoggerFactory.getLogger(SystemdNotifier.class);

    private final Optional<SupervisorSocket> supervisor;
    private final Optional<Duration> watchdog;
    private volatile boolean running;

    /**
     * @param supervisor where to tell it, if anywhere
     * @param watchdog how long systemd waits for a sign of life, if it does
     */
    SystemdNotifier(Optional<SupervisorSocket> supervisor, Optional<Duration> watchdog) {
        this.supervisor = supervisor;
        this.watchdog = watchdog;
    }

    /** As the environment says. */
    static SystemdNotifier ofEnvironment() {
        String micros = System.getenv("WATCHDOG_USEC");
        return new SystemdNotifier(
                SupervisorSocket.of(System.getenv("NOTIFY_SOCKET")),
                micros == null || !micros.matches("[1-9]\\d{0,17}")
                        ? Optional.empty()
                        : Optional.of(Duration.ofNanos(Math.multiplyExact(Long.parseLong(micros), 1000L))));
    }

    @Override
    public void start() {
        running = true;
        tell("READY=1");
        if (supervisor.isPresent() && watchdog.isPresent()) {
            Thread signs = new Thread(() -> live(watchdog.get().dividedBy(2)), "watchdog");
            signs.setDaemon(true);
            signs.start();
        }
    }

    private void live(Duration pause) {
        while (running) {
            tell("WATCHDOG=1");
            try {
                Thread.sleep(pause.toMillis());
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private void tell(String state) {
        supervisor.ifPresent(socket -> {
            try {
                socket.send(state);
            } catch (IOException e) {
                log.warn("systemd was not told {}: {}", state, e.getMessage());
            }
        });
    }

    /** From now on systemd waits as long as its limit for the end says, and asks for no more signs of life. */
    @Override
    public void stop() {
        tell("STOPPING=1");
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return Integer.MAX_VALUE;
    }
}
