package org.stateferry.installation;

import java.io.UncheckedIOException;
import java.lang.reflect.Type;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.support.GenericApplicationContext;
import org.stateferry.batch.BatchContext;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.RepositoryOwner;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.importer.step.DryRun;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.ImportLogs;
import org.stateferry.repository.ImportRecord;
import tools.jackson.core.type.TypeReference;

/** The installation in a home directory of this machine. Nothing of it is opened before a method asks for it. */
public final class LocalInstallation implements Installation {
    /** Longer than a service takes to start. */
    private static final Duration START_MAX = Duration.ofSeconds(60);

    private final StateferryHome home;
    private final List<String> commandLine;
    private final RunnerFactory runners;
    private final LocalHistory history;

    /** Makes what runs imports, from the home and its opened job repository. */
    @FunctionalInterface
    public interface RunnerFactory {
        ImportRunner create(StateferryHome home, BatchContext repository) throws StateferryException;
    }

    /**
     * @param home the directory
     * @param commandLine the words of this process's command line, to tell those who wait for it
     * @param runners makes what runs imports
     */
    public LocalInstallation(StateferryHome home, List<String> commandLine, RunnerFactory runners) {
        this.home = home;
        this.commandLine = List.copyOf(commandLine);
        this.runners = runners;
        this.history = new LocalHistory(home, this.commandLine);
    }

    @Override
    public Path logFile() {
        return home.logFile();
    }

    @Override
    public Imports openImports(@Nullable Duration longestWait, Consumer<String> notice, StopSignal stop)
            throws StateferryException {
        Optional<ServiceClient> service = service(longestWait, notice, stop);
        if (service.isPresent()) {
            return new RemoteImports(service.get(), longestWait, notice, stop);
        }
        RepositoryOwner self = RepositoryOwner.thisProcess(commandLine, false);
        return own(
                RepositoryOwnership.acquire(home, self, longestWait, notice, stop),
                ownership -> ofRunning(ownership, BatchContext.start(home, Map.of())));
    }

    /** The service that owns the repository, if one does; one that is just starting is waited for. */
    private Optional<ServiceClient> service(@Nullable Duration longestWait, Consumer<String> notice, StopSignal stop)
            throws StateferryException {
        long beginNanos = System.nanoTime();
        Duration longest = longestWait == null || longestWait.compareTo(START_MAX) > 0 ? START_MAX : longestWait;
        boolean told = false;
        while (RepositoryOwnership.isOfService(home)) {
            Optional<ServiceClient> client = ServiceAddress.read(home).map(at -> new ServiceClient(home, at));
            if (client.isPresent() || System.nanoTime() - beginNanos >= longest.toNanos()) {
                return client;
            }
            if (!told) {
                notice.accept("waiting for the service of this home, which does not answer yet");
                told = true;
            }
            RemoteImports.pause(stop);
        }
        return Optional.empty();
    }

    @Override
    public OwnedRepository openForService(ServiceContent content, Consumer<String> notice, StopSignal stop)
            throws StateferryException {
        RepositoryOwner self = RepositoryOwner.thisProcess(commandLine, true);
        return own(
                RepositoryOwnership.acquire(home, self, null, notice, stop),
                ownership -> startService(ownership, content));
    }

    private OwnedRepository startService(RepositoryOwnership ownership, ServiceContent content)
            throws StateferryException {
        SpringApplicationBuilder builder = new SpringApplicationBuilder();
        content.addTo(builder);
        builder.initializers(starting -> ((GenericApplicationContext) starting)
                .registerBean(
                        OwnedRepository.class,
                        () -> ofStarting(ownership, starting.getBean(BatchContext.class)),
                        definition -> definition.setDestroyMethodName("")));
        return BatchContext.startWithin(builder, home, content.overrides(), content::explain)
                .bean(OwnedRepository.class);
    }

    /** Inside the framework, which lets only unchecked exceptions through. */
    private OwnedRepository ofStarting(RepositoryOwnership ownership, BatchContext repository) {
        try {
            return new OwnedRepository(ownership, repository, runners.create(home, repository));
        } catch (StateferryException e) {
            throw new UncheckedIOException(e);
        }
    }

    private OwnedRepository ofRunning(RepositoryOwnership ownership, BatchContext repository)
            throws StateferryException {
        boolean made = false;
        try {
            OwnedRepository owned = new OwnedRepository(ownership, repository, runners.create(home, repository));
            made = true;
            return owned;
        } finally {
            if (!made) {
                repository.close();
            }
        }
    }

    @FunctionalInterface
    private interface Opening {
        OwnedRepository open(RepositoryOwnership ownership) throws StateferryException;
    }

    /** Opens the repository; from here on the ownership is closed with it. */
    private static OwnedRepository own(RepositoryOwnership ownership, Opening opening) throws StateferryException {
        boolean opened = false;
        try {
            OwnedRepository owned = opening.open(ownership);
            opened = true;
            return owned;
        } finally {
            if (!opened) {
                ownership.close();
            }
        }
    }

    @Override
    public ImportPreview preview(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return DryRun.of(request, home, progress, stop);
    }

    @Override
    public List<ImportRecord> history(Consumer<String> notice) throws StateferryException {
        Optional<RemoteImports> service = serviceThatTells(notice);
        return service.isPresent() ? service.get().history() : told(history.look(), notice);
    }

    @Override
    public ImportRecord importRecord(long id, Consumer<String> notice) throws StateferryException {
        Optional<RemoteImports> service = serviceThatTells(notice);
        return service.isPresent() ? service.get().record(id) : ImportHistory.find(told(history.look(id), notice), id);
    }

    private Optional<RemoteImports> serviceThatTells(Consumer<String> notice) throws StateferryException {
        Optional<ServiceAddress> service =
                RepositoryOwnership.isOfService(home) ? ServiceAddress.read(home) : Optional.empty();
        return service.map(at -> new RemoteImports(new ServiceClient(home, at), null, notice, new StopSignal()));
    }

    private List<ImportRecord> told(LocalHistory.View view, Consumer<String> notice) {
        if (view.toldByOwner()) {
            notice.accept("the job repository is in use by " + history.ownerName() + "; this is what it last told");
        }
        return view.records();
    }

    @Override
    public String importLog(long id) throws StateferryException {
        return new ImportLogs(home).read(id);
    }

    @Override
    public List<NotificationResult> testNotifications(String definition) throws StateferryException {
        return requireService()
                .post(path(definition, "notifications/test"), null, new TypeReference<List<NotificationResult>>() {});
    }

    @Override
    public <T> T askAbout(String definition, String what, Class<T> type) throws StateferryException {
        return requireService().get(path(definition, what), new TypeReference<T>() {
            @Override
            public Type getType() {
                return type;
            }
        });
    }

    private ServiceClient requireService() throws StateferryException {
        return service(START_MAX, line -> {}, new StopSignal())
                .orElseThrow(
                        () -> StateferryException.in(FailureKind.USAGE, home.folder(), "no service runs in this home")
                                .advise(
                                        "Start it with stateferry serve, or name the home of the service that runs with --home, and run"
                                                + " the command again."));
    }

    private static String path(String definition, String what) {
        return "definitions/"
                + URLEncoder.encode(definition, StandardCharsets.UTF_8).replace("+", "%20") + "/" + what;
    }

    @Override
    public StopOutcome stop(long id, Duration longestWait) throws StateferryException {
        return history.stop(id, longestWait);
    }
}
