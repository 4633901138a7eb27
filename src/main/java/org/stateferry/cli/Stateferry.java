package org.stateferry.cli;

/** The program's entry point: binds the commands to the process and to the installation on disk. */
public final class Stateferry {
    private Stateferry() {}

    /** Runs the command line and ends the JVM with its exit code. */
    public static void main(String[] args) {
        Program program = new Program(
                Console.ofProcess(),
                home -> {
                    throw new IllegalStateException("unbound");
                },
                new TerminationSignals(),
                System::nanoTime);
        System.exit(program.run(args));
    }
}
