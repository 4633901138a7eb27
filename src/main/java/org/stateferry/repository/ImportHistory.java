package org.stateferry.repository;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.repository.ExecutionContextSerializer;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.repository.ImportRecord.Attempt;

/**
 * The imports and exports that the job repository knows.
 *
 * <p>It reads Spring Batch's tables: {@link HistoryIndex} finds out which imports are asked for, and two queries read these and
 * no others. The repository's own interface would ask about ten questions for each execution, which for thousands of imports,
 * or for a database at the far end of a network, takes seconds.
 *
 * <p>Thread-safe.
 */
public final class ImportHistory {
    private static final String ATTEMPTS = """
            select e.JOB_INSTANCE_ID, e.JOB_EXECUTION_ID, e.STATUS, e.CREATE_TIME, e.START_TIME, e.END_TIME,
                   e.LAST_UPDATED, e.EXIT_MESSAGE, c.SHORT_CONTEXT, c.SERIALIZED_CONTEXT,
                   (select max(s.LAST_UPDATED) from BATCH_STEP_EXECUTION s
                    where s.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID) as STEP_UPDATED
            from BATCH_JOB_EXECUTION e
            left join BATCH_JOB_EXECUTION_CONTEXT c on c.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID
            where e.JOB_INSTANCE_ID in (:ids)
            order by e.JOB_EXECUTION_ID
            """;

    private static final String PARAMETERS = """
            select e.JOB_INSTANCE_ID, p.PARAMETER_NAME, p.PARAMETER_VALUE
            from BATCH_JOB_EXECUTION e
            join BATCH_JOB_EXECUTION_PARAMS p on p.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID
            where e.JOB_INSTANCE_ID in (:ids) and p.IDENTIFYING = 'Y'
            """;

    /** How many are read at once: as many as their records take little memory. */
    static final int READ_MAX = 500;

    private static final Set<String> UNFINISHED = Set.of(BatchStatus.FAILED.name(), BatchStatus.STOPPED.name());

    private final JdbcClient database;
    private final ExecutionContextSerializer serializer;
    private final RunningImports running;
    private final StateferryHome home;
    private final HistoryIndex index;

    /**
     * A part of the history.
     *
     * @param total how many records there are of the kind that was asked for
     * @param records newest first
     */
    public record Page(long total, List<ImportRecord> records) {}

    /**
     * @param database the repository's database, its schema up to date
     * @param serializer the one that the job repository uses
     * @param running what this process runs
     * @param home this home: of other homes' executions nobody here knows whether their process is alive
     */
    public ImportHistory(
            JdbcClient database, ExecutionContextSerializer serializer, RunningImports running, StateferryHome home) {
        this.database = database;
        this.serializer = serializer;
        this.running = running;
        this.home = home;
        this.index = new HistoryIndex(database, (installation, execution) -> !isLost(installation, execution));
    }

    private boolean isLost(String installationId, long executionId) {
        return home.installationId().equals(installationId) && !running.mayContain(executionId);
    }

    /** All imports and exports, newest first. */
    public List<ImportRecord> list() {
        return records(index.ids(HistoryQuery.ALL));
    }

    /** All that are asked for, newest first. */
    public List<ImportRecord> list(HistoryQuery query) {
        return records(index.ids(query));
    }

    /**
     * Some of those that are asked for.
     *
     * @param skip how many to leave out: the newest
     * @param limit how many there may be
     */
    public Page page(HistoryQuery query, long skip, int limit) {
        HistoryIndex.Page page = index.page(query, skip, limit);
        return new Page(page.total(), records(page.ids()));
    }

    /** The newest imports and exports, newest first. */
    public List<ImportRecord> newest(int limit) {
        return records(index.page(HistoryQuery.ALL, 0, limit).ids());
    }

    /** The imports and exports that these executions are attempts at, newest first. */
    List<ImportRecord> ofAttempts(Collection<Long> executionIds) {
        return records(index.idsOfAttempts(executionIds));
    }

    /** The IDs of all imports and exports, newest first. */
    List<Long> ids() {
        return index.ids(HistoryQuery.ALL);
    }

    /** The import with this id. */
    public Optional<ImportRecord> find(long id) {
        return records(List.of(id)).stream().findFirst();
    }

    /**
     * The import with this id.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} if there is none
     */
    public ImportRecord get(long id) throws StateferryException {
        return find(id).orElseThrow(() -> ImportInstance.unknown(id));
    }

    /**
     * The import with this id among those listed.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} if there is none
     */
    public static ImportRecord find(List<ImportRecord> listed, long id) throws StateferryException {
        return listed.stream()
                .filter(record -> record.id() == id)
                .findFirst()
                .orElseThrow(() -> ImportInstance.unknown(id));
    }

    private List<ImportRecord> records(List<Long> ids) {
        return known(ids).stream().map(Known::record).toList();
    }

    /** What is known of those that are asked for, newest first. */
    List<Known> known(HistoryQuery query) {
        return known(index.ids(query));
    }

    private List<Known> known(List<Long> ids) {
        List<Known> found = new ArrayList<>(ids.size());
        for (int from = 0; from < ids.size(); from += READ_MAX) {
            found.addAll(read(ids.subList(from, Math.min(ids.size(), from + READ_MAX))));
        }
        return found;
    }

    /**
     * What is known of an import or export.
     *
     * @param ours whether it is one of this home
     * @param parameters the identifying ones of its job
     */
    record Known(ImportRecord record, boolean ours, Map<String, String> parameters) {}

    /**
     * What is known of these, in their order; those that have no attempt are left out.
     *
     * @param ids at most {@value #READ_MAX}
     */
    List<Known> read(List<Long> ids) {
        if (ids.isEmpty()) {
            return List.of();
        }
        Map<Long, List<AttemptRow>> attempts = new HashMap<>();
        database.sql(ATTEMPTS)
                .param("ids", ids)
                .query((row, number) -> AttemptRow.read(row, context(row)))
                .list()
                .forEach(row -> attempts.computeIfAbsent(row.instanceId(), id -> new ArrayList<>())
                        .add(row));
        Map<Long, Map<String, String>> parameters = parameters(ids);
        List<Known> all = new ArrayList<>();
        for (Long id : ids) {
            List<AttemptRow> rows = attempts.get(id);
            if (rows != null) {
                all.add(known(rows, parameters.getOrDefault(id, Map.of())));
            }
        }
        return all;
    }

    private Map<Long, Map<String, String>> parameters(List<Long> ids) {
        Map<Long, Map<String, String>> byInstance = new HashMap<>();
        database.sql(PARAMETERS).param("ids", ids).query(row -> {
            @Nullable String value = row.getString("PARAMETER_VALUE");
            byInstance
                    .computeIfAbsent(row.getLong("JOB_INSTANCE_ID"), id -> new HashMap<>())
                    .put(row.getString("PARAMETER_NAME"), value == null ? "" : value);
        });
        return byInstance;
    }

    private Known known(List<AttemptRow> rows, Map<String, String> parameters) {
        ImportIdentity identity = ImportParameters.identity(parameters::get);
        boolean ours = home.installationId().equals(identity.installationId());
        return new Known(record(rows, parameters, identity, ours), ours, parameters);
    }

    private ImportRecord record(
            List<AttemptRow> rows, Map<String, String> parameters, ImportIdentity identity, boolean ours) {
        boolean export = ExportParameters.areOfExport(parameters::get);
        List<Attempt> attempts = rows.stream()
                .map(row -> row.toAttempt(!ours || running.mayContain(row.executionId())))
                .toList();
        AttemptRow lastRow = rows.get(rows.size() - 1);
        Attempt last = attempts.get(attempts.size() - 1);
        Optional<UnfinishedWork> unfinished = ours && !export && UNFINISHED.contains(last.status())
                ? UnfinishedWork.of(home, identity)
                : Optional.empty();
        return new ImportRecord(
                lastRow.instanceId(),
                export ? ExportParameters.out(parameters::get) : identity.dump().toString(),
                identity.image().toString(),
                identity.otherDisks().stream().map(Path::toString).toList(),
                identity.name(),
                last.status(),
                attempts.get(0).started(),
                last.ended(),
                lastRow.number(ContextKeys.BYTES),
                attempts.stream().mapToLong(Attempt::bytesWritten).sum(),
                attempts.stream().mapToLong(Attempt::transferMillis).sum(),
                attempts.stream().mapToLong(Attempt::publishMillis).sum(),
                attempts,
                last.firstError(),
                lastRow.warnings(),
                unfinished.map(UnfinishedWork::bytes).orElse(null),
                unfinished.map(UnfinishedWork::lastWrite).orElse(null),
                export ? ExportParameters.JOB : ImportParameters.JOB);
    }

    /** A long context lies in the second column alone; the first then holds a cut copy for readers. */
    private ExecutionContext context(ResultSet row) throws SQLException {
        String whole = row.getString("SERIALIZED_CONTEXT");
        String text = whole == null ? row.getString("SHORT_CONTEXT") : whole;
        if (text == null) {
            return new ExecutionContext();
        }
        try {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            return new ExecutionContext(serializer.deserialize(new ByteArrayInputStream(bytes)));
        } catch (IOException | IllegalArgumentException | IllegalStateException e) {
            // One unreadable context must not hide all the other imports.
            return new ExecutionContext();
        }
    }
}
