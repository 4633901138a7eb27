package org.stateferry.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.SnapshotReport;
import org.stateferry.cli.output.Texts;
import org.stateferry.error.StateferryException;
import org.stateferry.snapshot.SnapshotChange;
import org.stateferry.snapshot.SnapshotChange.Deletion;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.storage.OpenImages.Locking;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stateferry snapshot delete}: takes snapshots out of an image. */
@Command(
        name = "delete",
        sortOptions = false,
        description = "Deletes snapshots of an image, all of them with one write.",
        footer = {
            "",
            "Either all are deleted or none, even if it is killed. The freed space is given back to the file system"
                    + " as holes, if it has them; the file keeps its length. An image that is in use is refused (exit"
                    + " code 11)."
        })
final class SnapshotDeleteCommand implements Callable<Integer> {
    private final Console console;
    private final TerminationSignals signals;

    @Parameters(index = "0", paramLabel = "IMAGE", description = "The qcow2 image.")
    private Path image;

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "NAME", description = "The snapshots' names.")
    private List<String> names;

    @Option(names = "--id", description = "NAME is not a name but an id.")
    private boolean byId;

    @Option(names = "--json", description = "Print the outcome as one JSON object on standard output.")
    private boolean json;

    SnapshotDeleteCommand(Console console, TerminationSignals signals) {
        this.console = console;
        this.signals = signals;
    }

    @Override
    public Integer call() throws StateferryException {
        Deletion deletion;
        try (StillAtIt still = new StillAtIt(console, "changing " + image);
                SnapshotChange change =
                        SnapshotChange.open(image, Locking.EXCLUSIVE, SnapshotCommand.cancellation(signals))) {
            deletion = change.delete(new SnapshotSelection(names, byId));
        }
        if (json) {
            console.printJson(SnapshotReport.fields(image, deletion));
        } else {
            console.say(said(deletion));
        }
        return ExitCodes.DONE;
    }

    private String said(Deletion deletion) {
        String gone = deletion.entries().stream()
                .map(entry -> "'" + entry.nameText() + "'")
                .collect(Collectors.joining(", "));
        return "deleted " + gone + " from " + image + "; " + Texts.bytes(Math.max(0, deletion.bytesFreed()))
                + " of the image became free, "
                + (deletion.bytesGivenBack() == 0
                        ? "and stay in the file for later use"
                        : Texts.bytes(deletion.bytesGivenBack()) + " were given back to the file system");
    }
}
