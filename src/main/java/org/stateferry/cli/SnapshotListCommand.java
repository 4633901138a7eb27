package org.stateferry.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.SnapshotReport;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.snapshot.SnapshotList;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stateferry snapshot list}: the snapshots of an image, and the room that each takes. */
@Command(
        name = "list",
        sortOptions = false,
        description = "Lists an image's snapshots with the room that each takes.",
        footer = {
            "",
            "STATE is the size of the saved state, STORED what it takes in the file, and FREES what deleting that one"
                    + " snapshot would set free: all that no other snapshot and not the disk itself uses. Without a state"
                    + " a snapshot is one of the disk alone.",
            "",
            "An image that is in use is not read (exit code 11), except with --force-share."
        })
final class SnapshotListCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(index = "0", paramLabel = "IMAGE", description = "The qcow2 image; it is only read.")
    private Path image;

    @Mixin
    private final ForceShareOption sharing = new ForceShareOption();

    @Option(names = "--json", description = "Print the list as one JSON object on standard output.")
    private boolean json;

    SnapshotListCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws StateferryException {
        try (StillAtIt still = new StillAtIt(console, "reading " + image);
                OpenImage open = OpenImages.openForReading(image, sharing.locking(console))) {
            SnapshotReport report =
                    new SnapshotReport(SnapshotList.of(Qcow2Image.open(open.file())), sharing.isForced());
            if (json) {
                console.printJson(report.fields());
            } else {
                report.printTo(console::print);
            }
            return ExitCodes.DONE;
        }
    }
}
