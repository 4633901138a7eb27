package org.stateferry.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Processes that take a processor each, as others do on a machine that is not ours alone, until this is closed. */
final class BusyProcessors implements AutoCloseable {
    private final List<Process> processes = new ArrayList<>();

    BusyProcessors(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            processes.add(new ProcessBuilder("sh", "-c", "while :; do :; done").start());
        }
    }

    @Override
    public void close() {
        processes.forEach(Process::destroyForcibly);
    }
}
