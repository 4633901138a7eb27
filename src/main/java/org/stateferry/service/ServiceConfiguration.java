package org.stateferry.service;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.List;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.batch.autoconfigure.BatchAutoConfiguration;
import org.springframework.boot.batch.autoconfigure.BatchJobLauncherAutoConfiguration;
import org.springframework.boot.batch.jdbc.autoconfigure.BatchJdbcAutoConfiguration;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportRunner;

/**
 * The service's beans. The job repository and the import job are not among them: the service gets those from its starter,
 * exactly as a single command has them, and the configurations that would make them a second time are left out here.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration(
        exclude = {
            BatchAutoConfiguration.class,
            BatchJdbcAutoConfiguration.class,
            BatchJobLauncherAutoConfiguration.class,
            DataSourceAutoConfiguration.class,
            FlywayAutoConfiguration.class
        })
@EnableConfigurationProperties(ServiceProperties.class)
class ServiceConfiguration {
    /** Each import has its own buffers, so this bounds the service's memory. */
    private static final int IMPORTS_AT_ONCE = 2;

    @Bean
    StopSignal stopSignal() {
        return new StopSignal();
    }

    @Bean
    ImportSchedule importSchedule(
            ServiceProperties properties,
            ImportRunner runner,
            MeterRegistry registry,
            ThreadPoolTaskScheduler importScheduler,
            StopSignal stop)
            throws StateferryException {
        Clock clock = Clock.systemUTC();
        List<ScheduledImport> imports = JobDefinitionReader.readAll(properties.jobs()).stream()
                .map(definition -> new ScheduledImport(
                        definition, runner, new ImportMetrics(registry, definition.job()), stop, clock))
                .toList();
        return new ImportSchedule(imports, importScheduler, stop);
    }

    /** Waits for its tasks at shutdown instead of interrupting them; {@link ImportSchedule#stop} has ended them before. */
    @Bean
    ThreadPoolTaskScheduler importScheduler() {
        ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
        scheduler.setPoolSize(IMPORTS_AT_ONCE);
        scheduler.setThreadNamePrefix("import-");
        scheduler.setWaitForTasksToCompleteOnShutdown(true);
        return scheduler;
    }

    @Bean
    ImportsHealth importsHealthIndicator(ImportSchedule schedule) {
        return new ImportsHealth(schedule);
    }
}
