package org.stateferry.batch;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.core.status.StatusManager;
import java.util.Map;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.event.ApplicationEnvironmentPreparedEvent;
import org.springframework.boot.context.logging.LoggingApplicationListener;
import org.springframework.context.ApplicationListener;
import org.springframework.core.Ordered;
import org.stateferry.home.StateferryHome;

/**
 * Keeps the framework's log in its file. When that cannot be written, because the disk is full for instance, the logging
 * library tells so on standard error, with a stack trace for each line; but what is wrong there is told by our own lines.
 *
 * <p>Nor is it for the framework to tell of each step of each import, and of each that fails with a stack trace: the history
 * has that, and a service tells in its own lines what an operator should know.
 */
public final class FrameworkLog implements ApplicationListener<ApplicationEnvironmentPreparedEvent>, Ordered {
    /** The settings of a context whose log this is. */
    public static Map<String, Object> settings(StateferryHome home) {
        return Map.of(
                "logging.file.name",
                home.logFile().toString(),
                "logging.console.enabled",
                "false",
                "logging.level.org.springframework.batch",
                "ERROR",
                "logging.level.org.springframework.batch.core.step",
                "OFF");
    }

    /** Directly after the framework has set up its log. */
    @Override
    public int getOrder() {
        return LoggingApplicationListener.DEFAULT_ORDER + 1;
    }

    @Override
    public void onApplicationEvent(ApplicationEnvironmentPreparedEvent event) {
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
            StatusManager statuses = context.getStatusManager();
            statuses.getCopyOfStatusListenerList().forEach(statuses::remove);
        }
    }
}
