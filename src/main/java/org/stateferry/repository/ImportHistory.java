package org.stateferry.repository;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
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
 * <p>It reads Spring Batch's tables with two queries. The repository's own interface would ask about ten questions for
 * each execution, which for thousands of imports, or for a database at the far end of a network, takes seconds.
 *
 * <p>Thread-safe.
 */
public final class ImportHistory {
    private static final String ATTEMPTS = """
            select e.JOB_INSTANCE_ID, e.JOB_EXECUTION_ID, e.STATUS, e.CREATE_TIME, e.START_TIME, e.END_TIME,
                   e.LAST_UPDATED, e.EXIT_MESSAGE, s.STEP_UPDATED, c.SHORT_CONTEXT, c.SERIALIZED_CONTEXT
            from BATCH_JOB_INSTANCE i
            join BATCH_JOB_EXECUTION e on e.JOB_INSTANCE_ID = i.JOB_INSTANCE_ID
            left join BATCH_JOB_EXECUTION_CONTEXT c on c.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID
            left join (select JOB_EXECUTION_ID, max(LAST_UPDATED) as STEP_UPDATED from BATCH_STEP_EXECUTION
                       group by JOB_EXECUTION_ID) s on s.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID
            where i.JOB_NAME in (:jobs)
            order by i.JOB_INSTANCE_ID desc, e.JOB_EXECUTION_ID
            """;

    private static final String PARAMETERS = """
            select e.JOB_INSTANCE_ID, p.PARAMETER_NAME, p.PARAMETER_VALUE
            from BATCH_JOB_INSTANCE i
            join BATCH_JOB_EXECUTION e on e.JOB_INSTANCE_ID = i.JOB_INSTANCE_ID
            join BATCH_JOB_EXECUTION_PARAMS p on p.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID
            where i.JOB_NAME in (:jobs) and p.IDENTIFYING = 'Y'
            """;

    private static final List<String> JOBS = List.of(ImportParameters.JOB, ExportParameters.JOB);
    private static final Set<String> UNFINISHED = Set.of(BatchStatus.FAILED.name(), BatchStatus.STOPPED.name());

    private final JdbcClient database;
    private final ExecutionContextSerializer serializer;
    private final RunningImports running;
    private final StateferryHome home;

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
    }

    /** All imports and exports, newest first. */
    public List<ImportRecord> list() {
        Map<Long, Map<String, String>> parameters = parameters();
        Map<Long, List<AttemptRow>> attempts = new LinkedHashMap<>();
        database.sql(ATTEMPTS)
                .param("jobs", JOBS)
                .query((row, number) -> AttemptRow.read(row, context(row)))
                .list()
                .forEach(row -> attempts.computeIfAbsent(row.instanceId(), id -> new ArrayList<>())
                        .add(row));
        return attempts.entrySet().stream()
                .map(entry -> record(entry.getValue(), parameters.getOrDefault(entry.getKey(), Map.of())))
                .toList();
    }

    /** The import with this id. */
    public Optional<ImportRecord> find(long id) {
        return list().stream().filter(record -> record.id() == id).findFirst();
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

    private Map<Long, Map<String, String>> parameters() {
        Map<Long, Map<String, String>> byInstance = new HashMap<>();
        database.sql(PARAMETERS).param("jobs", JOBS).query(row -> {
            @Nullable String value = row.getString("PARAMETER_VALUE");
            byInstance
                    .computeIfAbsent(row.getLong("JOB_INSTANCE_ID"), id -> new HashMap<>())
                    .put(row.getString("PARAMETER_NAME"), value == null ? "" : value);
        });
        return byInstance;
    }

    private ImportRecord record(List<AttemptRow> rows, Map<String, String> parameters) {
        boolean export = ExportParameters.areOfExport(parameters::get);
        ImportIdentity identity = ImportParameters.identity(parameters::get);
        boolean ours = home.installationId().equals(identity.installationId());
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
