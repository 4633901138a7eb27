package org.stateferry.repository;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The job executions that this process runs at the moment. The repository cannot tell them from those of a process that
 * was killed: both say STARTED there.
 *
 * <p>Thread-safe.
 */
public final class RunningImports {
    private final Set<Long> executionIds = ConcurrentHashMap.newKeySet();
    /** By execution; of those that have told. */
    private final Map<Long, RunningImport> told = new ConcurrentHashMap<>();

    void add(long executionId) {
        executionIds.add(executionId);
    }

    void remove(long executionId) {
        executionIds.remove(executionId);
        told.remove(executionId);
    }

    boolean contains(long executionId) {
        return executionIds.contains(executionId);
    }

    /** Lets others see how far an execution is, until it has ended. */
    public void show(long executionId, RunningImport attempt) {
        told.put(executionId, attempt);
    }

    /** How far each is, the one that has run for the longest time first. */
    public List<RunningImport.State> list() {
        return told.values().stream()
                .map(RunningImport::state)
                .sorted(Comparator.comparing(RunningImport.State::started).thenComparing(RunningImport.State::attempt))
                .toList();
    }
}
