package org.stateferry.repository;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.springframework.batch.core.BatchStatus;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Finds, in Spring Batch's tables, the IDs of the imports that a {@link HistoryQuery} asks for, and counts them, without reading
 * more of them. A bare instance, which has no attempt, is none. Thread-safe.
 *
 * <p>For a status, for words and for files there is one statement each, of one table and by its index, and what they find is put
 * together here. One statement for all leaves a plan to the database that is to serve for any values: those that were tried took
 * seconds, some minutes, on one database or the other, where either little or much is found.
 */
final class HistoryIndex {
    private static final String INSTANCES = """
            from BATCH_JOB_INSTANCE i
            where i.JOB_INSTANCE_ID < :before
            """;

    private static final String WITH_ATTEMPTS = """
              and exists (select 1 from BATCH_JOB_EXECUTION a where a.JOB_INSTANCE_ID = i.JOB_INSTANCE_ID)
            """;

    private static final String LAST_ATTEMPTS = """
            select e.JOB_INSTANCE_ID, max(e.JOB_EXECUTION_ID) as LAST_ID
            from BATCH_JOB_EXECUTION e group by e.JOB_INSTANCE_ID
            """;

    private static final String WITH_STATUS = """
            select e.JOB_EXECUTION_ID from BATCH_JOB_EXECUTION e where e.STATUS in (:status)
            """;

    /** The database lowers both sides: not every one knows all letters, but each agrees with itself. */
    static final String WITH_WORDS = """
            select p.JOB_EXECUTION_ID from BATCH_JOB_EXECUTION_PARAMS p
            where p.PARAMETER_NAME in ('dump', 'image', 'name') and p.IDENTIFYING = 'Y'
              and lower(p.PARAMETER_VALUE) like lower(:words) escape '!'
            """;

    static final String WITH_DUMP = """
            select p.JOB_EXECUTION_ID from BATCH_JOB_EXECUTION_PARAMS p
            where p.PARAMETER_NAME = 'dump' and p.IDENTIFYING = 'Y' and p.PARAMETER_VALUE = :path
            """;

    static final String WITH_IMAGE = """
            select p.JOB_EXECUTION_ID from BATCH_JOB_EXECUTION_PARAMS p
            where p.PARAMETER_NAME = 'image' and p.IDENTIFYING = 'Y' and p.PARAMETER_VALUE = :path
            """;

    private static final String UNENDED_ATTEMPTS = """
            select e.JOB_EXECUTION_ID, p.PARAMETER_VALUE
            from BATCH_JOB_EXECUTION e
            left join BATCH_JOB_EXECUTION_PARAMS p
              on p.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID and p.PARAMETER_NAME = 'installation'
            where e.STATUS in (:unended)
            """;

    private static final String OF_ATTEMPTS = """
            select distinct e.JOB_INSTANCE_ID from BATCH_JOB_EXECUTION e where e.JOB_EXECUTION_ID in (:executions)
            order by e.JOB_INSTANCE_ID desc
            """;

    private static final List<String> UNENDED = Stream.of(BatchStatus.values())
            .filter(ImportRecovery::isUnended)
            .map(BatchStatus::name)
            .toList();

    private final JdbcClient database;
    private final Liveness liveness;

    /** Tells whether an execution that has no end may be running. */
    @FunctionalInterface
    interface Liveness {
        boolean mayRun(String installationId, long executionId);
    }

    /**
     * Some of those that are asked for.
     *
     * @param total how many there are of them all
     * @param ids theirs, newest first
     */
    record Page(long total, List<Long> ids) {}

    HistoryIndex(JdbcClient database, Liveness liveness) {
        this.database = database;
        this.liveness = liveness;
    }

    /** All that are asked for, newest first. */
    List<Long> ids(HistoryQuery query) {
        return asksForLastAttempt(query) ? matching(query) : instances(query, WITH_ATTEMPTS, 0, Integer.MAX_VALUE);
    }

    /** At most {@code limit} of them after the newest {@code skip}. */
    Page page(HistoryQuery query, long skip, int limit) {
        if (!asksForLastAttempt(query)) {
            long total = of(query, "select count(*) " + INSTANCES, WITH_ATTEMPTS)
                    .query(Long.class)
                    .single();
            return new Page(total, instances(query, WITH_ATTEMPTS, skip, limit));
        }
        List<Long> all = matching(query);
        return new Page(all.size(), all.stream().skip(skip).limit(limit).toList());
    }

    private static boolean asksForLastAttempt(HistoryQuery query) {
        return query.status() != null || query.words() != null || query.files() != null;
    }

    /** In an order that an index has. */
    private List<Long> instances(HistoryQuery query, String condition, long skip, int limit) {
        String order = (query.job() == null ? "order by " : "order by i.JOB_NAME, ")
                + "i.JOB_INSTANCE_ID desc limit :limit offset :skip";
        return of(query, "select i.JOB_INSTANCE_ID " + INSTANCES, condition + order)
                .param("limit", limit)
                .param("skip", skip)
                .query((row, number) -> row.getLong(1))
                .list();
    }

    private JdbcClient.StatementSpec of(HistoryQuery query, String start, String end) {
        return query.job() == null
                ? database.sql(start + end).param("before", query.before())
                : database.sql(start + "  and i.JOB_NAME = :job\n" + end)
                        .param("before", query.before())
                        .param("job", query.job());
    }

    /** All attempts at an import have its words and its files; only the last has its status. */
    private List<Long> matching(HistoryQuery query) {
        List<Set<Long>> conditions = new ArrayList<>();
        if (query.words() != null) {
            conditions.add(attempts(WITH_WORDS, "words", "%" + query.words().replaceAll("[!%_]", "!$0") + "%"));
        }
        if (query.files() != null) {
            conditions.add(attempts(WITH_DUMP, "path", query.files().dump().toString()));
            conditions.add(attempts(WITH_IMAGE, "path", query.files().image().toString()));
        }
        if (query.status() != null) {
            conditions.add(withStatus(query.status().toUpperCase(Locale.ROOT)));
        }
        if (conditions.stream().anyMatch(Set::isEmpty)) {
            return List.of();
        }
        Set<Long> found = new HashSet<>();
        database.sql(LAST_ATTEMPTS).query(row -> {
            long last = row.getLong("LAST_ID");
            if (conditions.stream().allMatch(condition -> condition.contains(last))) {
                found.add(row.getLong("JOB_INSTANCE_ID"));
            }
        });
        return instances(query, "", 0, Integer.MAX_VALUE).stream()
                .filter(found::contains)
                .toList();
    }

    private Set<Long> attempts(String statement, String name, Object value) {
        Set<Long> ids = new HashSet<>();
        database.sql(statement).param(name, value).query(row -> {
            ids.add(row.getLong(1));
        });
        return ids;
    }

    List<Long> idsOfAttempts(Collection<Long> executionIds) {
        return executionIds.isEmpty()
                ? List.of()
                : database.sql(OF_ATTEMPTS)
                        .param("executions", executionIds)
                        .query((row, number) -> row.getLong(1))
                        .list();
    }

    /** Of an attempt that a killed process has left behind the table does not tell the status that its record does. */
    private Set<Long> withStatus(String status) {
        Set<Long> ids = attempts(WITH_STATUS, "status", stored(status));
        if (status.equals(BatchStatus.FAILED.name())) {
            ids.addAll(lost());
        } else if (UNENDED.contains(status)) {
            lost().forEach(ids::remove);
        }
        return ids;
    }

    /** What is starting is told to have started. */
    private static List<String> stored(String told) {
        if (told.equals(BatchStatus.STARTING.name())) {
            return List.of("");
        }
        return told.equals(BatchStatus.STARTED.name()) ? List.of(told, BatchStatus.STARTING.name()) : List.of(told);
    }

    private List<Long> lost() {
        List<Long> lost = new ArrayList<>();
        database.sql(UNENDED_ATTEMPTS).param("unended", UNENDED).query(row -> {
            String installation = Objects.requireNonNullElse(row.getString("PARAMETER_VALUE"), "");
            long execution = row.getLong("JOB_EXECUTION_ID");
            if (!liveness.mayRun(installation, execution)) {
                lost.add(execution);
            }
        });
        return lost;
    }
}
