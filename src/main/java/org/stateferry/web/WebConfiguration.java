package org.stateferry.web;

import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.service.DoubtfulJvm;

/** What the service offers over HTTP besides the actuator, and who may use it. */
@Configuration(proxyBeanMethods = false)
@Import({SecurityConfiguration.class, Problems.class, ImportsApi.class})
public class WebConfiguration {
    @Bean
    Tasks tasks(StopSignal stopSignal, DoubtfulJvm jvm) {
        return new Tasks(stopSignal, jvm);
    }

    @Bean
    AddressPublisher addressPublisher(
            StateferryHome home, ServerProperties server, SecurityConfiguration.LocalToken localToken) {
        return new AddressPublisher(home, server, localToken.value());
    }
}
