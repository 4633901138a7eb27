package org.stateferry.cli;

import java.util.Map;
import org.stateferry.error.StateferryException;

/**
 * Thrown by a command that failed but still has a result to show. What is for people is printed before this is thrown;
 * with {@code --json} the fields are printed together with those of the failure, as one object.
 */
final class PartialResult extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Map<String, Object> fields;
    private final StateferryException failure;

    PartialResult(Map<String, Object> fields, StateferryException failure) {
        super(failure);
        this.fields = fields;
        this.failure = failure;
    }

    /** What there is to show. */
    Map<String, Object> fields() {
        return fields;
    }

    /** What went wrong. */
    StateferryException failure() {
        return failure;
    }
}
