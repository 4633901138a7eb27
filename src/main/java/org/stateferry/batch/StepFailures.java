package org.stateferry.batch;

import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.core.NestedExceptionUtils;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.repository.ContextKeys;
import org.stateferry.repository.RepositoryFailure;

/** What a step has failed with: found among what the framework has collected, and recorded where people look for it. */
final class StepFailures {
    private static final Logger LOG = LoggerFactory.getLogger(StepFailures.class);

    private StepFailures() {}

    /** The failure that has ended a step and that nobody has noted; if it is a mistake of ours, it is in the log from now on. */
    static StateferryException of(StepExecution step) {
        StateferryException failure = translate(
                step.getFailureExceptions(), "the step " + step.getStepName() + " ended as " + step.getStatus());
        if (failure.kind() == FailureKind.INTERNAL) {
            LOG.error("Step {} has failed", step.getStepName(), failure); // nobody else has the stack trace
        }
        return failure;
    }

    /**
     * Finds the failure of ours among what the framework has collected, or makes one.
     *
     * @param otherwise what to say if nothing better is known
     */
    static StateferryException translate(List<Throwable> failures, String otherwise) {
        for (Throwable failure : failures) {
            for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
                if (cause instanceof StateferryException ours) {
                    return ours;
                }
            }
            if (RepositoryFailure.isOfDatabase(failure)) {
                return RepositoryFailure.during(failure);
            }
        }
        if (failures.isEmpty()) {
            return StateferryException.of(FailureKind.INTERNAL, otherwise);
        }
        Throwable root = NestedExceptionUtils.getMostSpecificCause(failures.get(0));
        return StateferryException.of(FailureKind.INTERNAL, otherwise + ": " + root)
                .causedBy(root);
    }

    /** Records a failure where the history looks for it. */
    static void record(ExecutionContext context, StateferryException first) {
        context.putString(ContextKeys.ERROR_KIND, first.kind().tag());
        if (first.file() != null) {
            context.putString(ContextKeys.ERROR_FILE, first.file().toString());
        }
        context.putLong(ContextKeys.ERROR_OFFSET, first.offset());
        context.putString(ContextKeys.ERROR_MESSAGE, first.problem());
    }

    /** How a step has ended that failed: what people read first. */
    static ExitStatus exitStatus(StateferryException first) {
        return new ExitStatus(ExitStatus.FAILED.getExitCode(), first.kind().tag() + ": " + first.getMessage());
    }
}
