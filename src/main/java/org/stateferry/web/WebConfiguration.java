package org.stateferry.web;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Clock;
import org.springdoc.core.customizers.GlobalOpenApiCustomizer;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.Ordered;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.service.DoubtfulJvm;
import org.stateferry.service.definition.ImportQueue;

/** What the service offers over HTTP besides the actuator, and who may use it. */
@Configuration(proxyBeanMethods = false)
@Import({
    SecurityConfiguration.class,
    Problems.class,
    Problems.Surprises.class,
    ExportsApi.class,
    ImportsApi.class,
    DefinitionsApi.class,
    SnapshotsApi.class,
    EventsApi.class
})
public class WebConfiguration {
    @Bean
    Tasks tasks(ImportQueue queue, StopSignal stopSignal, DoubtfulJvm jvm) {
        return new Tasks(queue, stopSignal, jvm);
    }

    /** Before all others: what it refuses costs nothing. */
    @Bean
    FilterRegistrationBean<RequestLimit> requestLimit() {
        FilterRegistrationBean<RequestLimit> first = new FilterRegistrationBean<>(new RequestLimit());
        first.setOrder(Ordered.HIGHEST_PRECEDENCE);
        return first;
    }

    /** How many imports that were asked for by requests wait for their turn. */
    @Bean
    MeterBinder waitingTasks(Tasks tasks) {
        return registry -> Gauge.builder("stateferry.tasks.waiting", tasks, Tasks::waiting)
                .description("Requested work that waits for its turn")
                .register(registry);
    }

    @Bean
    ApiDescription apiDescription() {
        return new ApiDescription();
    }

    @Bean
    GlobalOpenApiCustomizer failuresOfRequests() {
        return ApiDescription.failures();
    }

    @Bean
    EventFeed eventFeed(Clock wallClock) {
        return new EventFeed(wallClock);
    }

    @Bean
    Webhooks webhooks(StateferryHome home, AccessProperties properties, Clock wallClock) {
        return new Webhooks(home, properties.hooks(), wallClock);
    }

    @Bean
    AddressPublisher addressPublisher(
            StateferryHome home,
            ServerProperties server,
            SslBundles bundles,
            SecurityConfiguration.LocalToken localToken) {
        return new AddressPublisher(home, server, bundles, localToken.value());
    }
}
