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
import org.stateferry.error.StateferryException;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;

/**
 * Takes imports that are over out of the job repository: those that are complete or abandoned, and those that failed or
 * were stopped and have left nothing in their image. No image changes, and none is looked at. The caller owns the
 * {@link RepositoryOwnership}. Thread-safe.
 */
public final class HistoryPruning {
    private final StateferryHome home;
    private final JobRepository repository;
    private final ImportHistory history;
    private final ImportLogs logs;

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
     */
    public HistoryPruning(StateferryHome home, JobRepository repository, ImportHistory history) {
        this.home = home;
        this.repository = repository;
        this.history = history;
        this.logs = new ImportLogs(home);
    }

    /** @return how many imports were taken out */
    public int prune(Rule rule) throws StateferryException {
        try {
            // Newest first, so that a newer round is gone before it is asked for.
            List<Runnable> superfluous = history.list().stream()
                    .filter(rule::concerns)
                    .map(this::forgetting)
                    .flatMap(Optional::stream)
                    .skip(rule.keepNewest())
                    .toList();
            superfluous.forEach(Runnable::run);
            return superfluous.size();
        } catch (RuntimeException e) {
            throw RepositoryFailure.translated(e);
        }
    }

    /** How to take an import or export out; empty if it is another home's. */
    private Optional<Runnable> forgetting(ImportRecord record) {
        return record.describesExport()
                ? ExportParameters.lookUp(repository, home, record.id())
                        .map(instance -> () -> repository.deleteJobInstance(instance))
                : ImportInstance.lookUp(repository, home, record.id()).map(instance -> () -> forget(instance));
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
            List<ImportRecord> concerned = history.list().stream()
                    .filter(record -> record.dump().equals(dump.toString())
                            && record.image().equals(image.toString()))
                    .toList();
            Set<Long> superfluous = concerned.stream()
                    .flatMap(record -> record.attempts().stream())
                    .filter(attempt -> attempt.status().equals(BatchStatus.FAILED.name()))
                    .map(ImportRecord.Attempt::id)
                    .sorted(Comparator.reverseOrder())
                    .skip(keep)
                    .collect(Collectors.toSet());
            // As above, newest first.
            concerned.forEach(record -> forgetAttempts(record, superfluous));
            return superfluous.size();
        } catch (RuntimeException e) {
            throw RepositoryFailure.translated(e);
        }
    }

    private void forgetAttempts(ImportRecord record, Set<Long> superfluous) {
        if (record.attempts().stream().noneMatch(attempt -> superfluous.contains(attempt.id()))) {
            return;
        }
        Optional<ImportInstance> known = ImportInstance.lookUp(repository, home, record.id());
        if (known.isEmpty()) {
            return; // another home's
        }
        if (record.isOver() && record.attempts().stream().allMatch(attempt -> superfluous.contains(attempt.id()))) {
            forget(known.get());
            return;
        }
        long last = known.get().last().getId();
        repository.getJobExecutions(known.get().instance()).stream()
                .filter(execution -> superfluous.contains(execution.getId()) && execution.getId() != last)
                .forEach(repository::deleteJobExecution);
    }

    /**
     * Rounds are counted without a gap. So if a newer round stays, this one loses its attempts, and with them its place in
     * the history, but its bare instance remains until the newer one goes.
     */
    private void forget(ImportInstance known) {
        logs.forget(known.instance().getInstanceId());
        if (rounds(known, round -> round + 1).anyMatch(this::hasAttempts)) {
            repository.getJobExecutions(known.instance()).forEach(repository::deleteJobExecution);
        } else {
            repository.deleteJobInstance(known.instance());
            rounds(known, round -> round - 1)
                    .takeWhile(older -> !hasAttempts(older))
                    .forEach(repository::deleteJobInstance);
        }
    }

    private boolean hasAttempts(JobInstance instance) {
        return !repository.getJobExecutions(instance).isEmpty();
    }

    /** The import's other rounds in one direction, up to the first that is not there. */
    private Stream<JobInstance> rounds(ImportInstance known, LongUnaryOperator next) {
        return LongStream.iterate(next.applyAsLong(known.round()), next)
                .mapToObj(round -> Optional.ofNullable(repository.getJobInstance(
                        ImportParameters.JOB, ImportParameters.identifying(known.identity(), round))))
                .takeWhile(Optional::isPresent)
                .flatMap(Optional::stream);
    }
}
