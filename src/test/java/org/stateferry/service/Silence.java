package org.stateferry.service;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Clock;
import java.util.List;
import org.stateferry.home.StateferryHome;
import org.stateferry.service.notification.DefinitionNotices;
import org.stateferry.service.notification.NotificationProperties;
import org.stateferry.service.notification.Notifications;
import org.stateferry.service.notification.NotifyRule;

/** For definitions in tests of which nobody is told. */
final class Silence {
    private Silence() {}

    static DefinitionNotices notices() {
        try {
            Notifications notifications = new Notifications(
                    new NotificationProperties(List.of(), List.of(), List.of(), List.of(), "stateferry@localhost"),
                    null,
                    StateferryHome.open(Files.createTempDirectory("silence").resolve("home")),
                    id -> "",
                    new SimpleMeterRegistry(),
                    Clock.systemUTC());
            return notifications.of("any", NotifyRule.NONE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
