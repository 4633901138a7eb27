package org.stateferry.batch;

import java.nio.file.Path;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.batch.jdbc.autoconfigure.BatchJdbcAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;

/**
 * The few auto-configurations that the context of a command needs. Which beans they make is worked out by the build, which
 * runs {@link #main}: the launcher lets the framework use the result ({@code spring.aot.enabled}), and each start is shorter
 * by what it takes to read annotations and conditions. A JVM started without that property works it out by itself.
 */
@Configuration(proxyBeanMethods = false)
@ImportAutoConfiguration({
    DataSourceAutoConfiguration.class,
    DataSourceTransactionManagerAutoConfiguration.class,
    FlywayAutoConfiguration.class,
    BatchJdbcAutoConfiguration.class
})
class OneShotConfiguration {
    /** The application, whose generated classes have their names from this one. */
    static SpringApplicationBuilder application() {
        return new SpringApplicationBuilder(OneShotConfiguration.class)
                .main(OneShotConfiguration.class)
                .web(WebApplicationType.NONE);
    }

    /**
     * Takes the place of the framework's own source of translated messages, which asks the JVM for all its locales: a
     * twelfth of a command's start.
     */
    @Bean
    static NoMessages messageSource() {
        return new NoMessages();
    }

    /**
     * For the framework's processor, which ends the run before anything is opened.
     *
     * @param args a folder that may become a home
     */
    public static void main(String[] args) throws StateferryException {
        StateferryHome home = StateferryHome.open(Path.of(args[0]));
        application()
                .sources(JobRepositoryConfiguration.class)
                .properties(JobRepositoryConfiguration.defaults(home))
                .bannerMode(Banner.Mode.OFF)
                .logStartupInfo(false)
                .run();
    }
}
