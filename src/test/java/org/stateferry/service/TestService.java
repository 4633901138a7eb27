package org.stateferry.service;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportRunner;
import org.stateferry.installation.LocalInstallation;
import org.stateferry.web.WebConfiguration;

/** The real service, in this process, over real HTTP on a free port. */
public final class TestService implements AutoCloseable {
    private final StateferryService service;
    private final StateferryHome home;
    private final List<String> notices;
    private final AtomicInteger jvmEnded;

    private TestService(StateferryService service, StateferryHome home, List<String> notices, AtomicInteger jvmEnded) {
        this.service = service;
        this.home = home;
        this.notices = notices;
        this.jvmEnded = jvmEnded;
    }

    /**
     * Starts it.
     *
     * @param runner what runs imports, or null for what really does
     * @param settings that precede those of the home
     */
    public static TestService start(StateferryHome home, @Nullable ImportRunner runner, Map<String, ?> settings)
            throws StateferryException {
        LocalInstallation installation = new LocalInstallation(
                home, List.of("serve"), (files, repository) -> runner == null ? repository.imports() : runner);
        Map<String, Object> all = new HashMap<>(Map.of("server.port", 0));
        all.putAll(settings);
        all.values().removeIf(""::equals);
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        AtomicInteger jvmEnded = new AtomicInteger();
        StateferryService service = StateferryService.start(
                installation,
                new DoubtfulJvm(jvmEnded::set),
                all,
                notices::add,
                new StopSignal(),
                WebConfiguration.class);
        return new TestService(service, home, notices, jvmEnded);
    }

    public StateferryService service() {
        return service;
    }

    /** Something that it consists of. */
    public <T> T part(Class<T> type) {
        return service.part(type);
    }

    /** What it has told its operator. */
    public List<String> notices() {
        return List.copyOf(notices);
    }

    /** What ended the process, if it had been one of its own; 0 if nothing has. */
    public int jvmEnded() {
        return jvmEnded.get();
    }

    /** An answer. */
    public record Answer(int status, String body, HttpHeaders headers) {}

    /** With the token of the home. */
    public Answer get(String path) throws IOException {
        return send(local(path).build());
    }

    /** With the token of the home. */
    public Answer post(String path, String json) throws IOException {
        return send(local(path)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json))
                .build());
    }

    private HttpRequest.Builder local(String path) {
        String token = ServiceAddress.read(home).orElseThrow().token();
        return request(path).header("Authorization", "Bearer " + token);
    }

    /** Without a login. */
    public HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + service.port() + path));
    }

    public Answer send(HttpRequest request) throws IOException {
        try {
            HttpResponse<String> response =
                    HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
            return new Answer(response.statusCode(), response.body(), response.headers());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    @Override
    public void close() {
        service.close();
    }
}
