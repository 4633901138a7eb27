package org.stateferry.cli;

/** The program's entry point. */
public final class Stateferry {
    private Stateferry() {}

    /** Runs the command line and ends the JVM with its exit code. */
    public static void main(String[] args) {
        System.exit(0);
    }
}
