package org.stateferry.repository;

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

    void add(long executionId) {
        executionIds.add(executionId);
    }

    void remove(long executionId) {
        executionIds.remove(executionId);
    }

    boolean contains(long executionId) {
        return executionIds.contains(executionId);
    }
}
