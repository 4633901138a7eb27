package org.stateferry.cli;

import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.qcow2.Cancellation;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code stateferry snapshot}: an image's snapshots, managed offline. Works on the image alone, without Spring. */
@Command(
        name = "snapshot",
        sortOptions = false,
        description = "Lists, renames and deletes the snapshots of an image that no QEMU uses.",
        footer = {
            "",
            "A change is made by one write of the image's first sector: after a crash at any moment, the image is what it"
                    + " was, or changed as asked for, and nothing leaks."
        })
final class SnapshotCommand {
    private SnapshotCommand() {}

    /** The command with those below it. */
    static CommandLine of(Console console, TerminationSignals signals) {
        return new CommandLine(new SnapshotCommand())
                .addSubcommand(new SnapshotListCommand(console))
                .addSubcommand(new SnapshotRenameCommand(console, signals))
                .addSubcommand(new SnapshotDeleteCommand(console, signals));
    }

    /** Takes the signals over, and ends a change that asks when one has come. */
    static Cancellation cancellation(TerminationSignals signals) {
        signals.takeOver();
        StopSignal stop = signals.stop();
        return () -> {
            if (stop.isRequested()) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "the image was not changed")
                        .advise("Run the same command again to change it.");
            }
        };
    }
}
