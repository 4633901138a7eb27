package org.stateferry.service;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.List;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.batch.autoconfigure.BatchJobLauncherAutoConfiguration;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.installation.OwnedRepository;

/**
 * The service's beans, and all that Boot configures by itself. The beans of the job repository are beside them in the same
 * context.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration(exclude = BatchJobLauncherAutoConfiguration.class)
@EnableConfigurationProperties(ServiceProperties.class)
class ServiceConfiguration {
    /** Each import has its own buffers, so this bounds the service's memory. */
    private static final int IMPORTS_AT_ONCE = 2;

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

    @Bean
    PathRoots pathRoots(ServiceProperties properties) {
        return new PathRoots(properties.roots());
    }

    @Bean
    Clock wallClock() {
        return Clock.systemUTC();
    }

    @Bean
    ImportSchedule importSchedule(
            ServiceProperties properties,
            OwnedRepository repository,
            MeterRegistry registry,
            ThreadPoolTaskScheduler importScheduler,
            StopSignal stop,
            Clock wallClock,
            DoubtfulJvm jvm)
            throws StateferryException {
        ServiceImports runner = new ServiceImports(repository);
        List<ScheduledImport> imports = JobDefinitionReader.readAll(properties.jobs()).stream()
                .map(definition -> new ScheduledImport(
                        definition, runner, new ImportMetrics(registry, definition.job()), stop, wallClock, jvm))
                .toList();
        return new ImportSchedule(imports, importScheduler, stop, wallClock);
    }

    /** Waits for its tasks at shutdown instead of interrupting them; {@link ImportSchedule#stop} has ended them before. */
    @Bean
    ThreadPoolTaskScheduler importScheduler() {
        ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
        scheduler.setPoolSize(IMPORTS_AT_ONCE);
        scheduler.setThreadNamePrefix("import-");
        scheduler.setWaitForTasksToCompleteOnShutdown(true);
        scheduler.setExecuteExistingDelayedTasksAfterShutdownPolicy(false); // those that sleep need not wake up
        return scheduler;
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
    RepositoryHealth repositoryHealthIndicator(OwnedRepository repository) {
        return new RepositoryHealth(repository);
    }

    @Bean
    Definitions definitions(ImportSchedule schedule, Clock wallClock) {
        return new Definitions(schedule, wallClock);
    }

    @Bean
    ActivityMetrics activityMetrics(ObjectProvider<Definitions> definitions) {
        return new ActivityMetrics(definitions::getObject);
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
