package org.stateferry.service;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.web.server.PortInUseException;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.convert.ConversionFailedException;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.installation.Installation;
import org.stateferry.installation.OwnedRepository;

/**
 * The running service: schedules, health and metrics over HTTP, and the job repository, all in one Spring context.
 *
 * <p>Its settings come from {@code stateferry.properties}: the one in the program, overridden by the one in the home
 * directory, by environment variables and by {@code -D}, in this order.
 */
public final class StateferryService implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StateferryService.class);

    private final OwnedRepository owned;
    private final ApplicationContext context;

    private StateferryService(OwnedRepository owned, ApplicationContext context) {
        this.owned = owned;
        this.context = context;
    }

    /**
     * Starts the service; when this returns, it listens and its definitions are scheduled.
     *
     * @param installation whose job repository it owns from now on; settings and the log are in its home
     * @param jvm hears of errors that imports end with
     * @param overrides settings that win over those above
     * @param notices hears, in single lines, what an operator should know
     * @param stop ends the wait for another process that owns the job repository
     * @param more configurations that the service has besides its own
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION} if a setting or a definition is not valid, of kind
     *     {@link FailureKind#REPOSITORY} if the job repository cannot be used
     */
    public static StateferryService start(
            Installation installation,
            DoubtfulJvm jvm,
            Map<String, Object> overrides,
            OperatorNotices notices,
            StopSignal stop,
            Class<?>... more)
            throws StateferryException {
        Content content = new Content(jvm, overrides, notices, more);
        OwnedRepository owned = installation.openForService(content, notices::tell, stop);
        return new StateferryService(owned, Objects.requireNonNull(content.started, "the context was started"));
    }

    /** What is in the context besides the job repository. */
    private static final class Content implements Installation.ServiceContent {
        private final DoubtfulJvm jvm;
        private final Map<String, Object> overrides;
        private final OperatorNotices notices;
        private final Class<?>[] more;
        private @Nullable ApplicationContext started;

        private Content(DoubtfulJvm jvm, Map<String, Object> overrides, OperatorNotices notices, Class<?>... more) {
            this.jvm = jvm;
            this.overrides = overrides;
            this.notices = notices;
            this.more = more;
        }

        @Override
        public void addTo(SpringApplicationBuilder context) {
            context.sources(ServiceConfiguration.class)
                    .sources(more)
                    .web(WebApplicationType.SERVLET)
                    .properties(Map.of("spring.config.name", "stateferry"))
                    .initializers(starting -> {
                        started = starting;
                        GenericApplicationContext beans = (GenericApplicationContext) starting;
                        beans.registerBean(DoubtfulJvm.class, () -> jvm);
                        beans.registerBean(OperatorNotices.class, () -> notices);
                    });
        }

        @Override
        public Map<String, Object> overrides() {
            return overrides;
        }

        @Override
        public @Nullable StateferryException explain(RuntimeException failure) {
            return StateferryService.explain(failure);
        }
    }

    /** The port that the service listens on. */
    public int port() {
        return Objects.requireNonNull(((WebServerApplicationContext) context).getWebServer())
                .getPort();
    }

    /** How many definitions are scheduled. */
    public int definitionCount() {
        return context.getBean(ImportSchedule.class).imports().size();
    }

    /** Something of the service's, for tests. */
    <T> T part(Class<T> type) {
        return context.getBean(type);
    }

    /** Where the imports are that run now, a line for each; the log gets the same. */
    public List<String> runningImports() {
        List<String> lines =
                owned.runningLines().stream().map(ForeignText::escape).toList();
        List<String> told = lines.isEmpty() ? List.of("no import is running") : lines;
        told.forEach(LOG::info);
        return told;
    }

    /** Asks running imports to stop, waits until they have, stops listening, and gives the job repository to others. */
    @Override
    public void close() {
        owned.close();
    }

    /** What the framework wraps, unwrapped; null for what is not of the service. */
    private static @Nullable StateferryException explain(RuntimeException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof StateferryException ours) {
                return ours;
            }
            if (cause instanceof PortInUseException port) {
                return StateferryException.of(FailureKind.IO, "port " + port.getPort() + " is in use")
                        .advise("end the program that listens there, or set server.port")
                        .causedBy(failure);
            }
            if (cause instanceof BindException || cause instanceof ConversionFailedException) {
                return StateferryException.of(FailureKind.CONFIGURATION, "a setting is not valid: " + reason(cause))
                        .advise("correct it in stateferry.properties, in the environment, or after -D")
                        .causedBy(failure);
            }
        }
        return null;
    }

    private static String reason(Throwable failure) {
        if (failure instanceof BindException bind && bind.getProperty() != null) {
            return bind.getName() + "=" + bind.getProperty().getValue();
        }
        if (failure instanceof ConversionFailedException conversion) {
            return "'" + conversion.getValue() + "' is no "
                    + conversion.getTargetType().getType().getSimpleName();
        }
        return String.valueOf(failure.getMessage());
    }
}
