package org.stateferry.cli;

import java.util.List;
import java.util.TimeZone;
import org.stateferry.batch.StateferryHome;

/** The program's entry point: binds the commands to this process and to the installation on this machine. */
public final class Stateferry {
    private Stateferry() {}

    /** Runs the command line and ends the JVM with its exit code. */
    public static void main(String[] args) {
        // The job repository stores local times: they are UTC's, whatever the zone of who reads them later.
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        Installation.Locator installations = home -> new LocalInstallation(
                StateferryHome.open(home), List.of(args), (files, repository) -> repository.imports());
        Program program = new Program(Console.ofProcess(), installations, new TerminationSignals(), System::nanoTime);
        System.exit(program.run(args));
    }
}
