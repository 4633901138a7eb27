package org.stateferry.batch;

import io.micrometer.observation.ObservationRegistry;
import java.util.Map;
import javax.sql.DataSource;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.springframework.batch.core.repository.ExecutionContextSerializer;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;
import org.springframework.transaction.PlatformTransactionManager;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.RunningImports;
import org.stateferry.repository.StatusFile;
import org.stateferry.transfer.TransferObserver;
import org.stateferry.transfer.TransferSettings;

/**
 * What Stateferry adds to Spring Batch's JDBC job repository: the history and its status file. Whoever imports it registers
 * a {@link StateferryHome} and a {@link TransferObserver} and starts with {@link #defaults}.
 */
@Configuration(proxyBeanMethods = false)
public class JobRepositoryConfiguration {
    /** What keeps whoever asks a database that does not answer from waiting for ever; see {@link #limits}. */
    private static final Map<String, Object> POSTGRESQL_LIMITS = Map.of(
            "spring.datasource.hikari.data-source-properties.connectTimeout", "5",
            "spring.datasource.hikari.data-source-properties.socketTimeout", "20",
            "spring.datasource.hikari.data-source-properties.tcpKeepAlive", "true");

    /**
     * The properties that a context with a job repository starts with; the operator's settings file, environment and
     * command line precede them.
     */
    public static Map<String, Object> defaults(StateferryHome home) {
        return Map.ofEntries(
                // Not the working folder's application.properties: what runs there is none of our business.
                Map.entry(
                        "spring.config.location",
                        "optional:classpath:/,optional:" + home.settingsFile().toUri()),
                // WRITE_DELAY=0: H2 otherwise acknowledges a commit before it is written, and a kill loses it.
                // COMPRESS=TRUE: each commit writes pages anew, and what they replace stays for a while.
                // DB_CLOSE_ON_EXIT=FALSE: H2's shutdown hook would close the database under a job that is stopping.
                Map.entry(
                        "spring.datasource.url",
                        "jdbc:h2:file:" + home.repositoryDatabase()
                                + ";WRITE_DELAY=0;COMPRESS=TRUE;DB_CLOSE_ON_EXIT=FALSE"),
                Map.entry("spring.flyway.locations", "classpath:db/migration/{vendor}"),
                Map.entry("spring.flyway.fail-on-missing-locations", "true"),
                // By default what a newer program has done to the schema is taken for harmless.
                Map.entry("spring.flyway.ignore-migration-patterns", ""),
                Map.entry("spring.batch.jdbc.initialize-schema", "never"),
                // With Spring Batch's SERIALIZABLE, imports that begin at the same time make PostgreSQL roll back one
                // of them.
                Map.entry("spring.batch.jdbc.isolation-level-for-create", "read_committed"),
                Map.entry("spring.datasource.hikari.connection-timeout", "10000"),
                Map.entry("spring.datasource.hikari.validation-timeout", "3000"),
                Map.entry("spring.batch.job.enabled", "false"));
    }

    /**
     * More of these, which only the database of these settings knows: a server that has stopped answering, or a network that loses
     * everything, is given up after 20 seconds. So a call of the repository fails after half a minute at most.
     */
    static Map<String, Object> limits(Environment settings) {
        return DatabaseUrl.isPostgresql(settings) ? POSTGRESQL_LIMITS : Map.of();
    }

    @Bean
    ExecutionContextSerializer executionContextSerializer() {
        return new ContextSerializer();
    }

    @Bean
    RunningImports runningImports() {
        return new RunningImports();
    }

    @Bean
    @DependsOnDatabaseInitialization
    ImportHistory importHistory(
            DataSource dataSource, ExecutionContextSerializer serializer, RunningImports running, StateferryHome home) {
        return new ImportHistory(JdbcClient.create(dataSource), serializer, running, home);
    }

    @Bean
    ThreadPoolTaskExecutor transferExecutor() {
        ThreadPoolTaskExecutor executor = new ThreadPoolTaskExecutor();
        executor.setThreadNamePrefix("stateferry-write-");
        executor.setCorePoolSize(TransferSettings.IN_FLIGHT_MAX);
        // Each import limits its own writes in flight, so none waits here for a thread: an import whose disk
        // does not answer holds its own threads only. The second half is for tasks that hand on to the next.
        executor.setMaxPoolSize(2 * TransferSettings.IN_FLIGHT_MAX * TransferSettings.PARALLEL_IMPORTS_MAX);
        executor.setQueueCapacity(0);
        // Ending it must not interrupt a write: that would close the image's channel and drop its lock.
        executor.setWaitForTasksToCompleteOnShutdown(true);
        return executor;
    }

    @Bean
    ImportService importService(
            StateferryHome home,
            JobRepository repository,
            JobOperator operator,
            ThreadPoolTaskExecutor transferExecutor,
            TransferObserver observer,
            StatusFile status,
            RunningImports running,
            ObjectProvider<ObservationRegistry> observations,
            ObjectProvider<JobExecutionListener> listeners) {
        // The steps are no beans, so nobody would give them the registry.
        ImportJob jobs = new ImportJob(
                repository,
                transferExecutor,
                observer,
                status,
                observations.getIfAvailable(() -> ObservationRegistry.NOOP),
                listeners.orderedStream().toList());
        return new ImportService(home, repository, operator, jobs, status, FileAccess.PLAIN, running);
    }

    @Bean
    ExportService exportService(
            StateferryHome home,
            JobRepository repository,
            JobOperator operator,
            StatusFile status,
            RunningImports running,
            ObjectProvider<ObservationRegistry> observations,
            ObjectProvider<JobExecutionListener> listeners) {
        return new ExportService(
                home,
                repository,
                operator,
                status,
                running,
                observations.getIfAvailable(() -> ObservationRegistry.NOOP),
                listeners.orderedStream().toList());
    }

    @Bean
    ImportAbandonment importAbandonment(StateferryHome home, JobRepository repository) {
        return new ImportAbandonment(home, repository, FileAccess.PLAIN);
    }

    @Bean
    HistoryPruning historyPruning(
            StateferryHome home,
            JobRepository repository,
            ImportHistory history,
            PlatformTransactionManager transactions) {
        return new HistoryPruning(home, repository, history, transactions);
    }

    @Bean
    StatusFile statusFile(StateferryHome home, ImportHistory history, RunningImports running) {
        return new StatusFile(home, history, running);
    }
}
