package org.stateferry.service;

import java.util.Map;
import java.util.Objects;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.web.server.PortInUseException;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.convert.ConversionFailedException;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.OwnedRepository;

/**
 * The running service: schedules, health and metrics over HTTP. It runs imports but does not own what they need; whoever
 * starts it opens the job repository before and closes it after.
 *
 * <p>Its settings come from {@code stateferry.properties}: the one in the program, overridden by the one in the home
 * directory, by environment variables and by {@code -D}, in this order.
 */
public final class StateferryService implements AutoCloseable {
    private final ConfigurableApplicationContext context;

    private StateferryService(ConfigurableApplicationContext context) {
        this.context = context;
    }

    /**
     * Starts the service; when this returns, it listens and its definitions are scheduled.
     *
     * @param owned the job repository, whose health is shown, and what runs imports; it stays the caller's. Settings and the
     *     log are in its home
     * @param transfers hears what the write path of the imports does, and tells
     * @param jvm hears of errors that imports end with
     * @param overrides settings that win over those above
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION} if a setting or a definition is not valid
     */
    public static StateferryService start(
            OwnedRepository owned, TransferMetrics transfers, DoubtfulJvm jvm, Map<String, Object> overrides)
            throws StateferryException {
        SpringApplicationBuilder builder = owned.prepare(new SpringApplicationBuilder(ServiceConfiguration.class))
                .web(WebApplicationType.SERVLET)
                .registerShutdownHook(false) // whoever starts the service ends it, in the right order
                .properties(Map.of(
                        "spring.config.name",
                        "stateferry",
                        "spring.config.location",
                        "classpath:/,optional:" + owned.home().settingsFile().toUri()))
                .initializers(starting -> {
                    GenericApplicationContext context = (GenericApplicationContext) starting;
                    context.registerBean(
                            OwnedRepository.class, () -> owned, definition -> definition.setDestroyMethodName(""));
                    context.registerBean(TransferMetrics.class, () -> transfers);
                    context.registerBean(DoubtfulJvm.class, () -> jvm);
                    context.registerBean(
                            "repositoryHealthIndicator", RepositoryHealth.class, () -> new RepositoryHealth(owned));
                });
        try {
            return new StateferryService(builder.run(arguments(overrides)));
        } catch (RuntimeException e) {
            throw translated(e);
        }
    }

    private static String[] arguments(Map<String, Object> overrides) {
        return overrides.entrySet().stream()
                .map(entry -> "--" + entry.getKey() + "=" + entry.getValue())
                .toArray(String[]::new);
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

    /** Asks running imports to stop, waits until they have, and stops listening. */
    @Override
    public void close() {
        context.close();
    }

    /** What the framework wraps, unwrapped; what is not an operator's to mend stays as it is. */
    private static StateferryException translated(RuntimeException failure) throws StateferryException {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof StateferryException ours) {
                return ours;
            }
            if (cause instanceof PortInUseException port) {
                return StateferryException.of(FailureKind.IO, "port " + port.getPort() + " is in use")
                        .advise("end what listens there, or set server.port")
                        .causedBy(failure);
            }
            if (cause instanceof BindException || cause instanceof ConversionFailedException) {
                return StateferryException.of(FailureKind.CONFIGURATION, "a setting is not valid: " + reason(cause))
                        .advise("correct it in stateferry.properties, in the environment, or after -D")
                        .causedBy(failure);
            }
        }
        throw failure;
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
