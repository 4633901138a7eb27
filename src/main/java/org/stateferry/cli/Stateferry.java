package org.stateferry.cli;

import java.util.List;
import java.util.TimeZone;
import org.stateferry.cli.output.Console;
import org.stateferry.home.StateferryHome;
import org.stateferry.installation.Installation;
import org.stateferry.installation.LocalInstallation;

/** The program's entry point: binds the commands to this process and to the installation on this machine. */
public final class Stateferry {
    private Stateferry() {}

    /** Runs the command line and ends the JVM with its exit code. */
    public static void main(String[] args) {
        // The job repository stores local times: they are UTC's, whatever the zone of who reads them later.
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        System.exit(program(Console.ofProcess(), args).run(args));
    }

    /**
     * The program on this machine's installation.
     *
     * @param console where everything is printed
     * @param args the command line it is going to run, to tell those who wait for it
     */
    static Program program(Console console, String... args) {
        Installation.Locator installations = home -> new LocalInstallation(
                StateferryHome.open(home), List.of(args), (files, repository) -> repository.imports());
        return new Program(console, installations, new TerminationSignals(), System::nanoTime);
    }
}
