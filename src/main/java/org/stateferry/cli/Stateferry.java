package org.stateferry.cli;

import java.util.List;
import org.stateferry.batch.BatchContext;
import org.stateferry.batch.ImportRunner;
import org.stateferry.batch.StateferryHome;

/** The program's entry point: binds the commands to this process and to the installation on this machine. */
public final class Stateferry {
    private Stateferry() {}

    /** Runs the command line and ends the JVM with its exit code. */
    public static void main(String[] args) {
        Installation.Locator installations =
                home -> new LocalInstallation(StateferryHome.open(home), List.of(args), Stateferry::importRunner);
        Program program = new Program(Console.ofProcess(), installations, new TerminationSignals(), System::nanoTime);
        System.exit(program.run(args));
    }

    /** The one place that says which job runs the imports. */
    private static ImportRunner importRunner(StateferryHome home, BatchContext repository) {
        throw new UnsupportedOperationException("no import job is bound");
    }
}
