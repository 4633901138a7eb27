package org.stateferry.service;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.batch.autoconfigure.BatchJobLauncherAutoConfiguration;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.mail.javamail.JavaMailSender;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.FileRoots;
import org.stateferry.installation.OwnedRepository;
import org.stateferry.service.definition.DefinitionStates;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.service.definition.RememberedImports;
import org.stateferry.service.notification.DefinitionNotices;
import org.stateferry.service.notification.MissedWatch;
import org.stateferry.service.notification.NotificationProperties;
import org.stateferry.service.notification.Notifications;
import org.stateferry.service.retention.KeptSnapshots;
import org.stateferry.service.retention.SnapshotKeeping;

/**
 * The service's beans, and all that Boot configures by itself. The beans of the job repository are beside them in the same
 * context.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration(exclude = BatchJobLauncherAutoConfiguration.class)
@EnableConfigurationProperties({ServiceProperties.class, NotificationProperties.class})
class ServiceConfiguration {
    private static final int SCHEDULER_THREADS = 3;
    /** How many definitions may be stuck on file systems that do not answer before the others have to wait. */
    private static final int LOOKS_AT_ONCE = 64;

    private static final int SEND_BUFFER_SIZE = 256 * 1024;
    private static final int SOCKET_BUFFER_SIZE = 4096;

    @Bean
    TransferMetrics transferMetrics() {
        return new TransferMetrics();
    }

    @Bean
    StopSignal stopSignal() {
        return new StopSignal();
    }

    /** Where files must lie that requests name. */
    @Bean
    FileRoots fileRoots(ServiceProperties properties) {
        return FileRoots.of(properties.roots());
    }

    @Bean
    Clock wallClock() {
        return Clock.systemUTC();
    }

    @Bean
    ImportQueue importQueue(ThreadPoolTaskExecutor importThreads, Clock wallClock, ServiceProperties properties) {
        return new ImportQueue(importThreads, wallClock, properties.stalledAfter());
    }

    @Bean
    ImportSchedule importSchedule(
            ServiceProperties properties,
            FileRoots fileRoots,
            OwnedRepository repository,
            MeterRegistry registry,
            ActivityMetrics activity,
            ThreadPoolTaskScheduler importScheduler,
            ThreadPoolTaskExecutor lookThreads,
            ImportQueue queue,
            StopSignal stop,
            Clock wallClock,
            DoubtfulJvm jvm,
            Notifications notifications,
            Environment environment)
            throws StateferryException {
        ServiceParts parts = new ServiceParts(
                new ServiceImports(repository),
                queue,
                new RememberedImports(repository.home()),
                new SnapshotKeeping(
                        new KeptSnapshots(repository.home()),
                        queue,
                        stop,
                        wallClock,
                        registry,
                        jvm::check,
                        UnaryOperator.identity()),
                stop,
                wallClock,
                jvm);
        Map<String, ImportMetrics> metrics = new ConcurrentHashMap<>(); // meters are registered once for each name
        return new ImportSchedule(
                new DefinitionFolder(
                        properties.jobs(), text -> withSettings(text, environment), fileRoots.orAnywhere()),
                definition -> new ScheduledImport(
                        definition,
                        parts,
                        metrics.computeIfAbsent(definition.job(), job -> {
                            activity.watch(job, registry);
                            return new ImportMetrics(registry, job);
                        }),
                        notifications.of(definition.job(), definition.notifyRule())),
                queue,
                new DefinitionStates(repository.home()),
                importScheduler,
                lookThreads,
                stop,
                wallClock);
    }

    /** The text with settings in the place of <code>${NAME}</code>. */
    static String withSettings(String text, Environment environment) {
        try {
            return environment.resolveRequiredPlaceholders(text);
        } catch (IllegalArgumentException e) {
            // Not the framework's message, which has the text in it.
            throw new IllegalArgumentException("a setting that it names is not there", e);
        }
    }

    @Bean
    Notifications notifications(
            NotificationProperties properties,
            ObjectProvider<JavaMailSender> mail,
            OwnedRepository repository,
            MeterRegistry registry,
            Clock wallClock)
            throws StateferryException {
        return new Notifications(
                properties,
                mail.getIfAvailable(),
                repository.home(),
                id -> repository.logEnd(id, DefinitionNotices.LOG_BYTES_MAX),
                registry,
                wallClock);
    }

    @Bean
    MissedWatch missedWatch(Definitions definitions) {
        return new MissedWatch(definitions::missed, definitions::tellMissed);
    }

    /** Tells when it is time; it looks at nothing but the files of the definitions. */
    @Bean
    ThreadPoolTaskScheduler importScheduler() {
        ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
        scheduler.setPoolSize(SCHEDULER_THREADS);
        scheduler.setThreadNamePrefix("schedule-");
        scheduler.setWaitForTasksToCompleteOnShutdown(true);
        scheduler.setAcceptTasksAfterContextClose(true); // until the schedule has ended
        scheduler.setExecuteExistingDelayedTasksAfterShutdownPolicy(false); // those that sleep need not wake up
        return scheduler;
    }

    /** Looks at the sources, never at what is in a file. Threads are made when they are needed, and end. */
    @Bean
    ThreadPoolTaskExecutor lookThreads() {
        ThreadPoolTaskExecutor threads = new ThreadPoolTaskExecutor();
        threads.setCorePoolSize(0);
        threads.setMaxPoolSize(LOOKS_AT_ONCE);
        threads.setQueueCapacity(0);
        threads.setThreadNamePrefix("look-");
        threads.setAcceptTasksAfterContextClose(true); // until the schedule has ended
        threads.setWaitForTasksToCompleteOnShutdown(true);
        return threads;
    }

    /** Waits for its tasks at shutdown instead of interrupting them; {@link ImportSchedule#stop} has ended them before. */
    @Bean
    ThreadPoolTaskExecutor importThreads() {
        ThreadPoolTaskExecutor threads = new ThreadPoolTaskExecutor();
        threads.setCorePoolSize(ImportQueue.THREADS);
        threads.setMaxPoolSize(ImportQueue.THREADS);
        threads.setAllowCoreThreadTimeOut(true);
        threads.setThreadNamePrefix("import-");
        threads.setAcceptTasksAfterContextClose(true); // what waits gets its turn, and ends at once
        threads.setWaitForTasksToCompleteOnShutdown(true);
        return threads;
    }

    /** What the settings of Tomcat have no word for. */
    @Bean
    WebServerFactoryCustomizer<TomcatServletWebServerFactory> guardedConnector(ServiceProperties properties) {
        return factory -> {
            factory.setProtocol(BoundedHttpProtocol.class.getName());
            factory.addEngineValves(new RequestGuard(properties.hosts()));
            factory.addConnectorCustomizers(
                    // An answer fits into the system's buffer, so a client that does not read it keeps no thread.
                    connector -> connector.setProperty("socket.txBufSize", String.valueOf(SEND_BUFFER_SIZE)),
                    connector -> connector.setProperty("socket.appReadBufSize", String.valueOf(SOCKET_BUFFER_SIZE)),
                    connector -> connector.setProperty("socket.appWriteBufSize", String.valueOf(SOCKET_BUFFER_SIZE)));
        };
    }

    @Bean
    RepositoryHealth repositoryHealthIndicator(OwnedRepository repository, Clock wallClock) {
        return new RepositoryHealth(repository, wallClock);
    }

    @Bean
    Definitions definitions(ImportSchedule schedule, Clock wallClock) {
        return new Definitions(schedule, wallClock);
    }

    @Bean
    ActivityMetrics activityMetrics(ImportQueue queue, ObjectProvider<Definitions> definitions) {
        return new ActivityMetrics(queue, definitions::getObject);
    }

    @Bean
    UnfinishedMetrics unfinishedMetrics(StateferryHome home, Clock wallClock) {
        return new UnfinishedMetrics(home, wallClock);
    }

    @Bean
    SystemdNotifier systemdNotifier() {
        return SystemdNotifier.ofEnvironment();
    }

    @Bean
    DefinitionsHealth definitionsHealthIndicator(Definitions definitions) {
        return new DefinitionsHealth(definitions);
    }

    @Bean
    FoldersHealth foldersHealthIndicator(StateferryHome home, ImportSchedule schedule, ServiceProperties properties) {
        return new FoldersHealth(home.folder(), schedule, properties.spaceReserve());
    }

    @Bean
    ImportsHealth importsHealthIndicator(ImportSchedule schedule) {
        return new ImportsHealth(schedule);
    }
}
