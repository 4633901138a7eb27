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
    /** How many are about to begin, which the repository may know already and nobody else. */
    private int beginning;
    /** The highest ID so far, and what that was when the first of those began that are about to begin. */
    private long highestId;

    private long idBefore;
    /** How far executions are, by their ids; of those that have told so far. */
    private final Map<Long, RunningImport> told = new ConcurrentHashMap<>();

    synchronized void begins() {
        if (beginning == 0) {
            idBefore = highestId;
        }
        beginning++;
    }

    /** One that was to begin has done so, and was added before, or has not. */
    synchronized void hasBegun() {
        beginning--;
    }

    synchronized void add(long executionId) {
        highestId = Math.max(highestId, executionId);
        executionIds.add(executionId);
    }

    void remove(long executionId) {
        executionIds.remove(executionId);
        told.remove(executionId);
    }

    /** Which they are. */
    Set<Long> ids() {
        return Set.copyOf(executionIds);
    }

    boolean contains(long executionId) {
        return executionIds.contains(executionId);
    }

    /** The same, or it may be one that is just beginning: those have higher IDs than all before. */
    synchronized boolean mayContain(long executionId) {
        return contains(executionId) || (beginning > 0 && executionId > idBefore);
    }

    /** Publishes how far an execution is, until it has ended. */
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
