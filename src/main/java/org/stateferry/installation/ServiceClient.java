package org.stateferry.installation;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import javax.net.ssl.HttpsURLConnection;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;
import org.stateferry.repository.JsonText;
import tools.jackson.core.JacksonException;
import tools.jackson.core.type.TypeReference;

/**
 * Asks the service of this home, over HTTP on this machine: one connection for each request, no proxy. Thread-safe.
 *
 * @param home the home that both use
 * @param address where the service answers
 */
record ServiceClient(StateferryHome home, ServiceAddress address) {
    private static final Duration TIME_OUT = Duration.ofSeconds(30);
    private static final int ERROR = 400;

    <T> T get(String path, TypeReference<T> type) throws StateferryException {
        return ask("GET", path, null, type, TIME_OUT);
    }

    /** @param body sent as JSON, or null */
    <T> T post(String path, @Nullable Object body, TypeReference<T> type) throws StateferryException {
        return post(path, body, type, TIME_OUT);
    }

    /** The same, for an answer that may take longer. */
    <T> T post(String path, @Nullable Object body, TypeReference<T> type, Duration longestWait)
            throws StateferryException {
        return ask("POST", path, body, type, longestWait);
    }

    private <T> T ask(String method, String path, @Nullable Object body, TypeReference<T> type, Duration longestWait)
            throws StateferryException {
        try {
            HttpURLConnection connection = (HttpURLConnection)
                    address.url().resolve("/api/v1/" + path).toURL().openConnection(Proxy.NO_PROXY);
            if (connection instanceof HttpsURLConnection secured && address.certificate() != null) {
                // It is known by itself; what name it has does not matter.
                secured.setSSLSocketFactory(PinnedCertificate.factory(address.certificate()));
                secured.setHostnameVerifier((host, session) -> true);
            }
            connection.setConnectTimeout((int) TIME_OUT.toMillis());
            connection.setReadTimeout((int) longestWait.toMillis());
            connection.setInstanceFollowRedirects(false);
            connection.setRequestMethod(method);
            connection.setRequestProperty("Authorization", "Bearer " + address.token());
            connection.setRequestProperty("Accept", "application/json, application/problem+json");
            if (method.equals("POST")) {
                byte[] json = JsonText.line(body == null ? new Object[0] : body).getBytes(StandardCharsets.UTF_8);
                connection.setRequestProperty("Content-Type", "application/json");
                connection.setDoOutput(true);
                connection.setFixedLengthStreamingMode(
                        json.length); // so the JDK does not send it a second time by itself
                try (OutputStream target = connection.getOutputStream()) {
                    target.write(json);
                }
            }
            return answer(connection, type);
        } catch (JacksonException e) {
            throw unexpected("an answer that is not understood").causedBy(e);
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw gone(e);
        }
    }

    private <T> T answer(HttpURLConnection connection, TypeReference<T> type) throws IOException {
        int status = connection.getResponseCode();
        if (status < ERROR) {
            try (InputStream answer = connection.getInputStream()) {
                return JsonText.read(new String(answer.readAllBytes(), StandardCharsets.UTF_8), type);
            }
        }
        String problem = "";
        try (InputStream answer = connection.getErrorStream()) {
            problem = answer == null ? "" : new String(answer.readAllBytes(), StandardCharsets.UTF_8);
            Problem told = JsonText.read(problem, new TypeReference<Problem>() {});
            if (told.failure != null) {
                throw told.failure.toException();
            }
        } catch (JacksonException e) {
            // of whatever else listens there
        }
        throw unexpected("status " + status + " " + problem.strip());
    }

    /** What of a problem report is of interest here. */
    private record Problem(TaskReport.@Nullable Failure failure) {}

    private StateferryException unexpected(String what) {
        return StateferryException.of(
                        FailureKind.REPOSITORY, "the service at " + address.url() + " answered with " + what)
                .advise("Use the same version of stateferry as the service; its log is " + home.logFile() + ".");
    }

    private StateferryException gone(IOException cause) {
        return StateferryException.of(
                        FailureKind.REPOSITORY,
                        "the service at " + address.url() + " does not answer: " + cause.getMessage())
                .causedBy(cause)
                .advise("See whether it runs, and its log, " + home.logFile() + "; then run the same command again.");
    }
}
