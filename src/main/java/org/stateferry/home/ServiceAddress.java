package org.stateferry.home;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;

/**
 * The address of the service of a home, and the token that proves to it that the caller may read the home. It stands in
 * a file of the home (mode 0600) from when the service answers until it ends; a killed service leaves it behind, and
 * its token is then worth nothing.
 *
 * @param url without a path, for example {@code http://127.0.0.1:8686}
 * @param token made anew at each start of the service
 * @param certificate the SHA-256 of the service's certificate, in hexadecimal digits; null without TLS
 */
public record ServiceAddress(
        URI url, String token, @Nullable String certificate) {
    /** A longer file is not one of ours. */
    private static final int FILE_SIZE_MAX = 4096;

    /** Tells those who can read the home; the caller owns its repository. */
    public void publish(StateferryHome home) throws StateferryException {
        Properties properties = new Properties();
        properties.setProperty("url", url.toString());
        properties.setProperty("token", token);
        if (certificate != null) {
            properties.setProperty("certificate", certificate);
        }
        StringWriter text = new StringWriter();
        try {
            properties.store(text, null);
            PrivateFile.replace(home.serviceFile(), text.toString().getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw StateferryHome.unusable(home.serviceFile(), e);
        }
    }

    /** Takes it back. */
    public static void withdraw(StateferryHome home) throws StateferryException {
        try {
            Files.deleteIfExists(home.serviceFile());
        } catch (IOException e) {
            throw StateferryHome.unusable(home.serviceFile(), e);
        }
    }

    /** What the service told last; empty if it has told nothing, or nothing that makes sense. */
    public static Optional<ServiceAddress> read(StateferryHome home) {
        try {
            byte[] text = SmallFile.read(home.serviceFile(), Links.STAY, FILE_SIZE_MAX);
            Properties properties = new Properties();
            properties.load(new StringReader(new String(text, StandardCharsets.UTF_8)));
            String url = properties.getProperty("url");
            String token = properties.getProperty("token");
            return url == null || token == null
                    ? Optional.empty()
                    : Optional.of(new ServiceAddress(URI.create(url), token, properties.getProperty("certificate")));
        } catch (IOException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Without the token, so that no log has it. */
    @Override
    public String toString() {
        return url.toString();
    }
}
