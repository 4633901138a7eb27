package org.stateferry.service.notification;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Posts to configured addresses and nowhere else: a redirect is not followed. Messages of failures never have the address in
 * them, as its path is a secret. Thread-safe.
 */
final class HttpSender {
    private static final int OK = 200;
    private static final int REDIRECT = 300;
    private static final int REDIRECT_END = 400;

    private final HttpClient client;
    private final Duration whole;

    /**
     * @param connect how long a connection may take to come about
     * @param whole how long all of it may take, connection and answer included
     */
    HttpSender(Duration connect, Duration whole) {
        this.client = HttpClient.newBuilder()
                .connectTimeout(connect)
                .followRedirects(HttpClient.Redirect.NEVER)
                .version(HttpClient.Version.HTTP_1_1)
                .build();
        this.whole = whole;
    }

    /** @throws IOException if no answer of success has come in time */
    void post(URI address, String contentType, String body) throws IOException {
        HttpRequest request = HttpRequest.newBuilder(address)
                .header("Content-Type", contentType)
                .header("User-Agent", "stateferry")
                .timeout(whole)
                .POST(HttpRequest.BodyPublishers.ofString(body, StandardCharsets.UTF_8))
                .build();
        CompletableFuture<HttpResponse<Void>> answer =
                client.sendAsync(request, HttpResponse.BodyHandlers.discarding());
        try {
            requireSuccess(answer.get(whole.toMillis(), TimeUnit.MILLISECONDS).statusCode());
        } catch (TimeoutException e) {
            throw tooSlow();
        } catch (ExecutionException e) {
            throw explained(Objects.requireNonNullElse(e.getCause(), e));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("the service ended meanwhile", e);
        } finally {
            answer.cancel(true); // also an answer without an end
        }
    }

    private static void requireSuccess(int status) throws IOException {
        if (status >= REDIRECT && status < REDIRECT_END) {
            throw new IOException("it answered with a redirect (" + status + "), which is not followed");
        }
        if (status < OK || status >= REDIRECT_END) {
            throw new IOException("it answered with status " + status);
        }
    }

    private IOException tooSlow() {
        return new IOException("it did not answer within " + whole.toSeconds() + " s");
    }

    private IOException explained(Throwable failure) {
        if (failure instanceof HttpTimeoutException) {
            return tooSlow();
        }
        if (failure instanceof ConnectException) {
            return new IOException("it cannot be reached");
        }
        // A library's message may quote the address; the class says enough.
        return new IOException("the connection failed (" + failure.getClass().getSimpleName() + ")");
    }
}
