package org.stateferry.batch;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.core.status.StatusManager;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.event.ApplicationEnvironmentPreparedEvent;
import org.springframework.boot.context.logging.LoggingApplicationListener;
import org.springframework.context.ApplicationListener;
import org.springframework.core.Ordered;

/**
 * Keeps the framework's log in its file. When that cannot be written, because the disk is full for instance, the logging
 * library tells so on standard error, with a stack trace for each line; but what is wrong there is told by our own lines.
 */
public final class FrameworkLog implements ApplicationListener<ApplicationEnvironmentPreparedEvent>, Ordered {
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
