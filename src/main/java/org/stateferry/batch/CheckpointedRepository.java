package org.stateferry.batch;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.function.BooleanSupplier;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;

/**
 * The job repository as the transfer step uses it. A chunk is one item, so that a buffer is submitted as soon as it was read;
 * but a commit of the repository for every MiB would take longer than the write. So what a chunk saves of a running step is
 * passed on only when a checkpoint was recorded in that chunk. All else passes.
 */
final class CheckpointedRepository {
    private CheckpointedRepository() {}

    /**
     * @param repository the real one
     * @param atCheckpoint whether the chunk that is being saved has recorded a checkpoint; asked on the step's thread
     */
    static JobRepository of(JobRepository repository, BooleanSupplier atCheckpoint) {
        return (JobRepository) Proxy.newProxyInstance(
                JobRepository.class.getClassLoader(),
                new Class<?>[] {JobRepository.class},
                (proxy, method, arguments) -> isOfChunk(method, arguments) && !atCheckpoint.getAsBoolean()
                        ? null
                        : invoke(repository, method, arguments));
    }

    private static boolean isOfChunk(Method method, Object[] arguments) {
        return method.getName().startsWith("update")
                && arguments.length == 1
                && arguments[0] instanceof StepExecution step
                && step.getStatus() == BatchStatus.STARTED;
    }

    private static Object invoke(JobRepository repository, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(repository, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
