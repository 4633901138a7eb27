package org.stateferry.service;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.service.notification.DefinitionNotices;
import org.stateferry.service.notification.NotificationProperties;
import org.stateferry.service.notification.Notifications;
import org.stateferry.service.notification.NotifyRule;

/** For definitions in tests of which nobody is told. */
final class Silence {
    private Silence() {}

    static DefinitionNotices notices(StateferryHome home) throws StateferryException {
        Notifications notifications = new Notifications(
                new NotificationProperties(List.of(), List.of(), List.of(), List.of(), "stateferry@localhost"),
                null,
                home,
                id -> "",
                new SimpleMeterRegistry(),
                Clock.systemUTC());
        return notifications.of("any", NotifyRule.NONE);
    }
}
