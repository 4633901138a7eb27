package org.stateferry.web;

import java.net.InetAddress;
import java.net.URI;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.boot.web.server.context.WebServerInitializedEvent;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.stateferry.error.StateferryException;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;

/** Tells the commands of this home where the service answers, from when it does until it ends. */
final class AddressPublisher {
    private final StateferryHome home;
    private final ServerProperties server;
    private final String token;

    AddressPublisher(StateferryHome home, ServerProperties server, String token) {
        this.home = home;
        this.server = server;
        this.token = token;
    }

    @EventListener
    void listening(WebServerInitializedEvent event) throws StateferryException {
        new ServiceAddress(
                        URI.create(
                                "http://" + host() + ":" + event.getWebServer().getPort()),
                        token)
                .publish(home);
    }

    private String host() {
        InetAddress address = server.getAddress();
        if (address == null || address.isAnyLocalAddress()) {
            return "127.0.0.1";
        }
        String text = address.getHostAddress();
        return text.indexOf(':') >= 0 ? "[" + text + "]" : text;
    }

    @EventListener
    void ending(ContextClosedEvent event) throws StateferryException {
        ServiceAddress.withdraw(home);
    }
}
