package org.stateferry.repository;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongUnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;
import org.stateferry.error.StateferryException;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.repository.ImportHistory.Known;

/**
 * Takes imports that are over out of the job repository: those that are complete or abandoned, and those that failed or
 * were stopped and have left nothing in their image. No image changes, and none is looked at. The caller owns the
 * {@link RepositoryOwnership}. Thread-safe.
 */
public final class HistoryPruning {
    /** As many are taken out in one transaction. */
    private static final int AT_ONCE = 100;

    private final JobRepository repository;
    private final ImportHistory history;
    private final ImportLogs logs;
    private final TransactionTemplate transactions;

    /**
     * Which of the imports that are over are to go.
     *
     * @param endedBefore only those that ended before this time, or null for all
     * @param keepNewest how many of these stay: the newest
     */
    public record Rule(@Nullable Instant endedBefore, long keepNewest) {
        public Rule {
            if (keepNewest < 0) {
                throw new IllegalArgumentException("keepNewest must not be negative");
            }
        }

        private boolean concerns(ImportRecord record) {
            return record.isOver()
                    && record.ended() != null
                    && (endedBefore == null || record.ended().isBefore(endedBefore));
        }
    }

    /**
     * @param home only its imports are taken out
     * @param repository from which they are taken
     * @param history tells which there are
     * @param transactions those of the repository
     */
    public HistoryPruning(
            StateferryHome home,
            JobRepository repository,
            ImportHistory history,
            PlatformTransactionManager transactions) {
        this.repository = repository;
        this.history = history;
        this.logs = new ImportLogs(home);
        this.transactions = new TransactionTemplate(transactions);
    }

    /** @return how many imports were taken out */
    public int prune(Rule rule) throws StateferryException {
        try {
            long keep = rule.keepNewest();
            int pruned = 0;
            // Newest first, so that a newer round is gone before it is asked for.
            List<Long> ids = history.ids();
            for (int from = 0; from < ids.size(); from += AT_ONCE) {
                List<Known> concerned = history.read(ids.subList(from, Math.min(ids.size(), from + AT_ONCE))).stream()
                        .filter(known -> known.ours() && rule.concerns(known.record()))
                        .toList();
                List<Known> superfluous = concerned.stream().skip(keep).toList();
                keep -= concerned.size() - superfluous.size();
                forget(superfluous);
                pruned += superfluous.size();
            }
            return pruned;
        } catch (RuntimeException e) {
            throw RepositoryFailure.translated(e);
        }
    }

    /** In one transaction: each has its price, where the database forces what it commits. */
    private void forget(List<Known> superfluous) {
        if (!superfluous.isEmpty()) {
            transactions.executeWithoutResult(status -> superfluous.forEach(this::forget));
            superfluous.forEach(known -> logs.forget(known.record().id()));
        }
    }

    /**
     * Takes failed attempts at the imports from one dump into one image out, but for the newest. What can go on keeps its
     * last attempt.
     *
     * @param dump the dump's real path
     * @param image the image's real path
     * @param keep how many failed attempts stay
     * @return how many were taken out
     */
    public int pruneFailures(Path dump, Path image, int keep) throws StateferryException {
        try {
            List<Known> concerned = history.known(HistoryQuery.IMPORTS.of(dump, image));
            Set<Long> superfluous = concerned.stream()
                    .flatMap(known -> known.record().attempts().stream())
                    .filter(attempt -> attempt.status().equals(BatchStatus.FAILED.name()))
                    .map(ImportRecord.Attempt::id)
                    .sorted(Comparator.reverseOrder())
                    .skip(keep)
                    .collect(Collectors.toSet());
            // As above, newest first.
            concerned.stream().filter(Known::ours).forEach(known -> forgetAttempts(known, superfluous));
            return superfluous.size();
        } catch (RuntimeException e) {
            throw RepositoryFailure.translated(e);
        }
    }

    private void forgetAttempts(Known known, Set<Long> superfluous) {
        List<ImportRecord.Attempt> attempts = known.record().attempts();
        if (attempts.stream().noneMatch(attempt -> superfluous.contains(attempt.id()))) {
            return;
        }
        if (known.record().isOver() && attempts.stream().allMatch(attempt -> superfluous.contains(attempt.id()))) {
            forget(List.of(known));
            return;
        }
        @Nullable
        JobInstance instance = repository.getJobInstance(known.record().id());
        if (instance == null) {
            return; // somebody else was quicker
        }
        long last = attempts.get(attempts.size() - 1).id();
        repository.getJobExecutions(instance).stream()
                .filter(execution -> superfluous.contains(execution.getId()) && execution.getId() != last)
                .forEach(repository::deleteJobExecution);
    }

    /**
     * Rounds are counted without a gap. So if a newer round stays, this one loses its attempts, and with them its place in
     * the history, but its bare instance remains until the newer one goes.
     */
    private void forget(Known known) {
        @Nullable
        JobInstance instance = repository.getJobInstance(known.record().id());
        if (instance == null) {
            return;
        }
        if (rounds(known, round -> round + 1).anyMatch(this::hasAttempts)) {
            repository.getJobExecutions(instance).forEach(repository::deleteJobExecution);
        } else {
            repository.deleteJobInstance(instance);
            rounds(known, round -> round - 1)
                    .takeWhile(older -> !hasAttempts(older))
                    .forEach(repository::deleteJobInstance);
        }
    }

    private boolean hasAttempts(JobInstance instance) {
        return !repository.getJobExecutions(instance).isEmpty();
    }

    /** The import's other rounds in one direction, up to the first that is not there. */
    private Stream<JobInstance> rounds(Known known, LongUnaryOperator next) {
        return LongStream.iterate(
                        next.applyAsLong(ImportParameters.round(known.parameters())),
                        round -> round >= ImportParameters.FIRST_ROUND,
                        next)
                .mapToObj(round -> Optional.ofNullable(repository.getJobInstance(
                        known.record().job(), ImportParameters.ofRound(known.parameters(), round))))
                .takeWhile(Optional::isPresent)
                .flatMap(Optional::stream);
    }
}
