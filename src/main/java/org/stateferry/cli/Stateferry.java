package org.stateferry.cli;

import java.util.List;
import java.util.Locale;
import java.util.TimeZone;
import org.stateferry.cli.output.Console;
import org.stateferry.error.StateferryException;
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
        // Digits and decimal points are the same for everybody.
        Locale.setDefault(Locale.ROOT);
        Program program = program(Console.ofProcess(), args);
        StateferryException garbled = ArgumentBytes.problem(args);
        System.exit(garbled == null ? program.run(args) : program.refuse(garbled, args));
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
