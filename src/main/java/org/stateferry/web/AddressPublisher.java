package org.stateferry.web;

import java.net.InetAddress;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Objects;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.boot.web.server.Ssl;
import org.springframework.boot.web.server.WebServerSslBundle;
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
    private final SslBundles bundles;
    private final String token;

    AddressPublisher(StateferryHome home, ServerProperties server, SslBundles bundles, String token) {
        this.bundles = bundles;
        this.home = home;
        this.server = server;
        this.token = token;
    }

    @EventListener
    void listening(WebServerInitializedEvent event) throws StateferryException {
        boolean secured = Ssl.isEnabled(server.getSsl());
        URI url = URI.create((secured ? "https://" : "http://") + host() + ":"
                + event.getWebServer().getPort());
        new ServiceAddress(url, token, secured ? certificate() : null).publish(home);
    }

    /** The digest of what the server shows, so that commands need not trust who has signed it. */
    private String certificate() {
        try {
            KeyStore keys = Objects.requireNonNull(
                    WebServerSslBundle.get(server.getSsl(), bundles).getStores().getKeyStore(), "TLS needs a key");
            String alias = keys.aliases().nextElement();
            byte[] encoded = keys.getCertificate(alias).getEncoded();
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(encoded));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the service's certificate cannot be read", e);
        }
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
