package org.stateferry.web;

import java.net.InetAddress;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.ssl.SslBundle;
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

/**
 * Publishes the service's address for the commands of this home while the service answers, and again when its
 * certificate has been replaced.
 */
final class AddressPublisher {
    private static final Logger LOG = LoggerFactory.getLogger(AddressPublisher.class);

    private final StateferryHome home;
    private final ServerProperties server;
    private final SslBundles bundles;
    private final String token;
    /** Null before the server answers and after it has ended. */
    private @Nullable URI url;

    AddressPublisher(StateferryHome home, ServerProperties server, SslBundles bundles, String token) {
        this.bundles = bundles;
        this.home = home;
        this.server = server;
        this.token = token;
    }

    @EventListener
    synchronized void listening(WebServerInitializedEvent event) throws StateferryException {
        @Nullable Ssl ssl = server.getSsl();
        boolean secured = ssl != null && ssl.isEnabled();
        url = URI.create((secured ? "https://" : "http://") + host() + ":"
                + event.getWebServer().getPort());
        new ServiceAddress(url, token, secured ? certificate(WebServerSslBundle.get(ssl, bundles)) : null)
                .publish(home);
        @Nullable String bundle = ssl == null ? null : ssl.getBundle();
        if (secured && bundle != null) {
            // The server's own handler was there first, and so it shows the new one by now.
            bundles.addBundleUpdateHandler(bundle, this::replaced);
        }
    }

    private synchronized void replaced(SslBundle bundle) {
        if (url != null) {
            try {
                new ServiceAddress(url, token, certificate(bundle)).publish(home);
                LOG.info("The service has another certificate now");
            } catch (StateferryException e) {
                LOG.error("Commands cannot be told of the service's new certificate", e);
            }
        }
    }

    /** The digest of what the server shows, so that commands need not trust who has signed it. */
    private static String certificate(SslBundle bundle) {
        try {
            KeyStore keys = Objects.requireNonNull(bundle.getStores().getKeyStore(), "TLS needs a key");
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
    synchronized void ending(ContextClosedEvent event) throws StateferryException {
        url = null;
        ServiceAddress.withdraw(home);
    }
}
