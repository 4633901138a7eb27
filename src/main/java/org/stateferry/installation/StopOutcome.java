package org.stateferry.installation;

import org.jspecify.annotations.Nullable;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.ImportRecord.FirstError;

/**
 * The result of a request to stop an import.
 *
 * @param wasRunning whether there was anything to stop
 * @param status how the attempt that was to be stopped has ended, or how the last one had before
 * @param firstError why it did not complete, or null
 */
public record StopOutcome(
        boolean wasRunning, String status, @Nullable FirstError firstError) {
    static StopOutcome notRunning(ImportRecord record) {
        return new StopOutcome(false, record.status(), record.firstError());
    }

    static StopOutcome ended(ImportRecord.Attempt attempt) {
        return new StopOutcome(true, attempt.status(), attempt.firstError());
    }
}
