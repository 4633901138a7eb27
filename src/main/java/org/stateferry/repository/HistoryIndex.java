package org.stateferry.repository;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.springframework.batch.core.BatchStatus;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Finds, in Spring Batch's tables, the IDs of the imports that a {@link HistoryQuery} asks for, and counts them, without reading
 * more of them. A bare instance, which has no attempt, is none. Thread-safe.
 */
final class HistoryIndex {
    private static final String WITH_ATTEMPTS = """
            from BATCH_JOB_INSTANCE i
            where i.JOB_INSTANCE_ID < :before
              and exists (select 1 from BATCH_JOB_EXECUTION a where a.JOB_INSTANCE_ID = i.JOB_INSTANCE_ID)
            """;

    /**
     * Their last attempt is e. This and what follows are sub-queries that give a number, not such as a database makes a join of: a
     * plan that is made for any values, and so for a search that finds little, otherwise takes minutes where much is found.
     */
    private static final String WITH_LAST_ATTEMPT = """
            from BATCH_JOB_INSTANCE i
            join BATCH_JOB_EXECUTION e
              on e.JOB_EXECUTION_ID = (select max(a.JOB_EXECUTION_ID) from BATCH_JOB_EXECUTION a
                                       where a.JOB_INSTANCE_ID = i.JOB_INSTANCE_ID)
            where i.JOB_INSTANCE_ID < :before
            """;

    /** The database lowers both sides: not every one knows all letters, but each agrees with itself. */
    private static final String WORDS = """
              and (select count(*) from BATCH_JOB_EXECUTION_PARAMS p
                   where p.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID and p.IDENTIFYING = 'Y'
                     and p.PARAMETER_NAME in ('dump', 'image', 'name')
                     and lower(p.PARAMETER_VALUE) like lower(:words) escape '!') > 0
            """;

    private static final String FILES = """
              and (select count(*) from BATCH_JOB_EXECUTION_PARAMS p
                   where p.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID and p.IDENTIFYING = 'Y'
                     and (p.PARAMETER_NAME = 'dump' and p.PARAMETER_VALUE = :dump
                       or p.PARAMETER_NAME = 'image' and p.PARAMETER_VALUE = :image)) = 2
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

    /** No execution has it: IDs count from 1. */
    private static final long NONE = -1;

    private final JdbcClient database;
    private final Liveness liveness;

    /** Tells whether an execution that has no end may be running. */
    @FunctionalInterface
    interface Liveness {
        boolean mayRun(String installationId, long executionId);
    }

    /** A part of a statement from its {@code from} on, and what is to be put into it. */
    private record Selection(String text, Map<String, Object> values) {}

    HistoryIndex(JdbcClient database, Liveness liveness) {
        this.database = database;
        this.liveness = liveness;
    }

    /** All that are asked for, newest first: in an order that an index has. */
    List<Long> ids(HistoryQuery query) {
        return ids(query, 0, Integer.MAX_VALUE);
    }

    /** At most {@code limit} of them after the newest {@code skip}. */
    List<Long> ids(HistoryQuery query, long skip, int limit) {
        Selection selection = selection(query);
        return database.sql("select i.JOB_INSTANCE_ID " + selection.text
                        + (query.job() == null ? "order by " : "order by i.JOB_NAME, ")
                        + "i.JOB_INSTANCE_ID desc limit :limit offset :skip")
                .params(selection.values)
                .param("limit", limit)
                .param("skip", skip)
                .query((row, number) -> row.getLong(1))
                .list();
    }

    long count(HistoryQuery query) {
        Selection selection = selection(query);
        return database.sql("select count(*) " + selection.text)
                .params(selection.values)
                .query(Long.class)
                .single();
    }

    List<Long> idsOfAttempts(Collection<Long> executionIds) {
        return executionIds.isEmpty()
                ? List.of()
                : database.sql(OF_ATTEMPTS)
                        .param("executions", executionIds)
                        .query((row, number) -> row.getLong(1))
                        .list();
    }

    private Selection selection(HistoryQuery query) {
        Map<String, Object> values = new HashMap<>(Map.of("before", query.before()));
        boolean lastMatters = query.status() != null || query.words() != null || query.files() != null;
        StringBuilder text = new StringBuilder(lastMatters ? WITH_LAST_ATTEMPT : WITH_ATTEMPTS);
        if (query.job() != null) {
            text.append("  and i.JOB_NAME = :job\n");
            values.put("job", query.job());
        }
        if (query.status() != null) {
            addStatus(query.status().toUpperCase(Locale.ROOT), text, values);
        }
        if (query.words() != null) {
            text.append(WORDS);
            values.put("words", "%" + query.words().replaceAll("[!%_]", "!$0") + "%");
        }
        if (query.files() != null) {
            text.append(FILES);
            values.put("dump", query.files().dump().toString());
            values.put("image", query.files().image().toString());
        }
        return new Selection(text.toString(), values);
    }

    /** Of an attempt that a killed process has left behind the table does not tell the status that its record does. */
    private void addStatus(String status, StringBuilder text, Map<String, Object> values) {
        if (status.equals(BatchStatus.FAILED.name())) {
            text.append("  and (e.STATUS in (:status) or e.JOB_EXECUTION_ID in (:lost))\n");
            values.put("lost", lost());
        } else if (UNENDED.contains(status)) {
            text.append("  and e.STATUS in (:status) and e.JOB_EXECUTION_ID not in (:lost)\n");
            values.put("lost", lost());
        } else {
            text.append("  and e.STATUS in (:status)\n");
        }
        values.put("status", stored(status));
    }

    /** What is starting is told to have started. */
    private static List<String> stored(String told) {
        if (told.equals(BatchStatus.STARTING.name())) {
            return List.of("");
        }
        return told.equals(BatchStatus.STARTED.name()) ? List.of(told, BatchStatus.STARTING.name()) : List.of(told);
    }

    private List<Long> lost() {
        List<Long> lost = database.sql(UNENDED_ATTEMPTS)
                .param("unended", UNENDED)
                .query((row, number) -> {
                    String installation = Objects.requireNonNullElse(row.getString("PARAMETER_VALUE"), "");
                    long execution = row.getLong("JOB_EXECUTION_ID");
                    return liveness.mayRun(installation, execution) ? NONE : execution;
                })
                .list();
        return lost.isEmpty() ? List.of(NONE) : lost;
    }
}
