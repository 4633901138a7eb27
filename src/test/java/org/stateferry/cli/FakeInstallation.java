package org.stateferry.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.importer.TransferLoad;
import org.stateferry.installation.Installation;
import org.stateferry.installation.NotificationResult;
import org.stateferry.installation.OwnedRepository;
import org.stateferry.installation.StopOutcome;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.ImportRecord;
import org.stateferry.storage.IoMode;
import org.stateferry.stream.RamBlock;
import org.stateferry.stream.StreamFacts;
import tools.jackson.databind.json.JsonMapper;

/** An installation whose imports are a function, and which remembers what it was asked for. */
final class FakeInstallation implements Installation {
    static final StreamFacts PC = new StreamFacts(
            3, "pc-i440fx-7.2", 4096, List.of(), List.of(new RamBlock("pc.ram", 16 << 20)), null, Map.of(), null);

    /** What every import of the history was asked for. */
    static final ImportRequest REQUEST =
            new ImportRequest(Path.of("/vm.dump"), Path.of("/vm.qcow2"), "before", ImportOptions.DEFAULTS);

    private final Path home;
    private final ImportRunner runner;

    @Nullable
    ImportRequest request;

    @Nullable
    Duration waited;

    @Nullable
    Path homeAskedFor;

    /** The import that a command named. */
    long id;

    HistoryPruning.@Nullable Rule pruned;
    AbandonOutcome abandoned = new AbandonOutcome(0, null);
    StopOutcome stopped = new StopOutcome(true, "STOPPED", null);

    String importLog = "";
    /** What the service answers in JSON about a definition. */
    final Map<String, String> answers = new HashMap<>();

    List<NotificationResult> notifications = List.of();

    @Nullable
    String notified;

    List<ImportRecord> records = List.of();
    boolean closed;

    FakeInstallation(Path home, ImportRunner runner) {
        this.home = home;
        this.runner = runner;
    }

    static ImportOutcome imported(@Nullable StreamFacts facts) {
        return new ImportOutcome(
                ImportOutcome.State.IMPORTED,
                7,
                "3",
                List.of(),
                null,
                3 << 20,
                3_000_000,
                0,
                0,
                new TransferLoad(0.98765, 10, 11, 12, 13),
                1000,
                500,
                IoMode.DIRECT,
                facts,
                List.of("a warning"));
    }

    static ImportOutcome alreadyImported() {
        return new ImportOutcome(
                ImportOutcome.State.ALREADY_IMPORTED,
                7,
                "3",
                List.of(),
                null,
                3 << 20,
                0,
                0,
                0,
                TransferLoad.NONE,
                0,
                0,
                null,
                PC,
                List.of());
    }

    @Override
    public ImportPreview preview(ImportRequest asked, ImportProgress progress, StopSignal stop) {
        request = asked;
        return new ImportPreview(false, false, OptionalLong.of(3 << 20), 4 << 20, 1L << 30, PC, List.of());
    }

    Installation at(@Nullable Path askedFor) {
        homeAskedFor = askedFor;
        return this;
    }

    @Override
    public Path logFile() {
        return home.resolve("log/stateferry.log");
    }

    @Override
    public Imports openImports(@Nullable Duration longestWait, Consumer<String> notice, StopSignal stopWaiting) {
        waited = longestWait;
        return new Imports() {
            @Override
            public ImportOutcome run(ImportRequest asked, ImportProgress progress, StopSignal stop)
                    throws StateferryException {
                request = asked;
                return runner.run(asked, progress, stop);
            }

            @Override
            public ImportRequest requestOf(long named) {
                return REQUEST;
            }

            @Override
            public ImportOutcome restart(long named, ImportProgress progress, StopSignal stop)
                    throws StateferryException {
                id = named;
                return runner.run(REQUEST, progress, stop);
            }

            @Override
            public AbandonOutcome abandon(long named) {
                id = named;
                return abandoned;
            }

            @Override
            public int prune(HistoryPruning.Rule rule) {
                pruned = rule;
                return 3;
            }

            @Override
            public void close() {
                closed = true;
            }
        };
    }

    @Override
    public List<ImportRecord> history(Consumer<String> notice) {
        notice.accept("from the owner's status file");
        return records;
    }

    @Override
    public ImportRecord importRecord(long named, Consumer<String> notice) throws StateferryException {
        return ImportHistory.find(history(notice), named);
    }

    @Override
    public String importLog(long named) {
        id = named;
        return importLog;
    }

    @Override
    public List<NotificationResult> testNotifications(String definition) {
        notified = definition;
        return notifications;
    }

    @Override
    public <T> T askAbout(String definition, String what, Class<T> type) {
        return JsonMapper.shared().readValue(answers.get(definition + " " + what), type);
    }

    @Override
    public StopOutcome stop(long named, Duration longestWait) {
        id = named;
        waited = longestWait;
        return stopped;
    }

    @Override
    public OwnedRepository openForService(ServiceContent content, Consumer<String> notice, StopSignal stop) {
        throw new AssertionError("no service is started on a fake");
    }
}
