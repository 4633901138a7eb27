package org.stateferry.batch;

import org.jspecify.annotations.Nullable;

/** Where the parts of the transfer step find the run; empty when there is nothing left to transfer. */
final class TransferHolder {
    private @Nullable TransferRun run;

    @Nullable
    TransferRun run() {
        return run;
    }

    void run(@Nullable TransferRun opened) {
        run = opened;
    }
}
