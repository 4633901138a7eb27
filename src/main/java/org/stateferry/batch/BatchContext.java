package org.stateferry.batch;

import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.boot.Banner;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.Environment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.transaction.PlatformTransactionManager;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.RepositoryFailure;
import org.stateferry.repository.StatusFile;
import org.stateferry.transfer.TransferObserver;

/**
 * The Spring context that holds the job repository. That of a command that runs once has nothing else in it and names
 * the few auto-configurations it needs, which starts in two thirds of the time that looking for all takes. A service
 * has one context as well, which {@link #startWithin} fills with everything that it needs besides.
 *
 * <p>The caller owns the repository ({@link RepositoryOwnership}) from before the start until after {@link #close()}.
 */
public final class BatchContext implements AutoCloseable {
    private final ConfigurableApplicationContext context;

    private BatchContext(ConfigurableApplicationContext context) {
        this.context = context;
    }

    /** Starts the context; nobody hears what its imports do. */
    public static BatchContext start(StateferryHome home, Map<String, ?> extraProperties) throws StateferryException {
        return start(home, extraProperties, TransferObserver.NONE);
    }

    /**
     * Starts the context; brings the schema up to date.
     *
     * @param extraProperties precede the settings file and the environment
     * @param observer hears what the write path of all imports does
     * @throws StateferryException of kind {@link FailureKind#REPOSITORY} if the database cannot be used, of kind
     *     {@link FailureKind#CONFIGURATION} if a setting is not valid
     */
    public static BatchContext start(StateferryHome home, Map<String, ?> extraProperties, TransferObserver observer)
            throws StateferryException {
        SpringApplicationBuilder builder = OneShotConfiguration.application()
                .initializers(starting ->
                        ((GenericApplicationContext) starting).registerBean(TransferObserver.class, () -> observer));
        return startWithin(builder, home, extraProperties, failure -> null);
    }

    /**
     * Starts a context that has more in it than the job repository; brings the schema up to date.
     *
     * @param builder knows what else is in it, among that one {@link TransferObserver}; the rest is added here
     * @param extraProperties precede the settings file and the environment
     * @param explanation what a failure of the start means, or null where it is the job repository's
     * @throws StateferryException that of {@code explanation}, else as {@link #start}
     */
    public static BatchContext startWithin(
            SpringApplicationBuilder builder,
            StateferryHome home,
            Map<String, ?> extraProperties,
            Function<RuntimeException, @Nullable StateferryException> explanation)
            throws StateferryException {
        AtomicReference<@Nullable ConfigurableEnvironment> environment = new AtomicReference<>();
        String[] arguments = extraProperties.entrySet().stream()
                .map(entry -> "--" + entry.getKey() + "=" + entry.getValue())
                .toArray(String[]::new);
        try {
            ConfigurableApplicationContext started = builder.sources(JobRepositoryConfiguration.class)
                    .bannerMode(Banner.Mode.OFF)
                    // A signal is the command's affair: closing the context under a running job would lose its end.
                    .registerShutdownHook(false)
                    .properties(JobRepositoryConfiguration.defaults(home))
                    .properties(FrameworkLog.settings(home))
                    .listeners(new FrameworkLog(), new FrameworkLog.ConsoleChoice())
                    .initializers(starting -> {
                        environment.set(starting.getEnvironment());
                        requireHarmless(starting.getEnvironment(), home);
                        starting.getEnvironment()
                                .getPropertySources()
                                .addLast(new MapPropertySource(
                                        "limits", JobRepositoryConfiguration.limits(starting.getEnvironment())));
                        GenericApplicationContext context = (GenericApplicationContext) starting;
                        context.registerBean(StateferryHome.class, () -> home);
                        context.registerBean(
                                BatchContext.class,
                                () -> new BatchContext(starting),
                                definition -> definition.setDestroyMethodName(""));
                    })
                    .run(arguments);
            return started.getBean(BatchContext.class);
        } catch (RefusedDatabase e) {
            throw e.reason;
        } catch (RuntimeException e) {
            StateferryException explained = explanation.apply(e);
            throw explained != null ? explained : RepositoryFailure.explain(e, home, environment.get());
        }
    }

    /** Before any part of the context opens a database. */
    private static void requireHarmless(Environment environment, StateferryHome home) {
        try {
            DatabaseUrl.requireHarmless(environment, home);
        } catch (StateferryException e) {
            throw new RefusedDatabase(e);
        }
    }

    /** Brings a refusal through the framework, which lets only unchecked exceptions through. */
    private static final class RefusedDatabase extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final StateferryException reason;

        RefusedDatabase(StateferryException reason) {
            super(reason);
            this.reason = reason;
        }
    }

    /** The home directory that the context was started for. */
    public StateferryHome home() {
        return context.getBean(StateferryHome.class);
    }

    /** Spring Batch's job repository. */
    public JobRepository jobRepository() {
        return context.getBean(JobRepository.class);
    }

    /** Starts jobs, on the calling thread. */
    public JobOperator jobOperator() {
        return context.getBean(JobOperator.class);
    }

    /** The transaction manager of the repository's database, for the chunks of a step. */
    public PlatformTransactionManager transactionManager() {
        return context.getBean(PlatformTransactionManager.class);
    }

    /** Runs imports. */
    public ImportService imports() {
        return context.getBean(ImportService.class);
    }

    /** Runs exports. */
    public ExportService exports() {
        return context.getBean(ExportService.class);
    }

    /** Gives imports up. */
    public ImportAbandonment abandonment() {
        return context.getBean(ImportAbandonment.class);
    }

    /** Takes imports out of the history. */
    public HistoryPruning pruning() {
        return context.getBean(HistoryPruning.class);
    }

    /** The imports so far. */
    public ImportHistory history() {
        return context.getBean(ImportHistory.class);
    }

    /** What tells other processes how this one's imports get on. */
    public StatusFile statusFile() {
        return context.getBean(StatusFile.class);
    }

    /** What else the context has; exactly one of that type. */
    public <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    /** A setting's value after all sources have been read, or null. */
    public @Nullable String property(String name) {
        return context.getEnvironment().getProperty(name);
    }

    /** What to report when a call of the repository threw {@code failure}. */
    StateferryException failed(RuntimeException failure) {
        return RepositoryFailure.explain(failure, home(), context.getEnvironment());
    }

    /** Ends the status file and closes the database. The caller's jobs have ended. */
    @Override
    public void close() {
        context.close();
    }
}
