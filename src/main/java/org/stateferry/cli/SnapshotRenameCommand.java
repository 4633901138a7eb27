package org.stateferry.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.SnapshotReport;
import org.stateferry.error.StateferryException;
import org.stateferry.snapshot.SnapshotChange;
import org.stateferry.snapshot.SnapshotChange.Renaming;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.storage.OpenImages.Locking;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stateferry snapshot rename}: gives a snapshot another name. */
@Command(
        name = "rename",
        sortOptions = false,
        description = "Gives a snapshot of an image another name.",
        footer = {
            "",
            "The new name must be no other snapshot's name or id. If it is a number that QEMU would some day give to"
                    + " another snapshot as its id, it becomes this one's id too. An image that is in use is refused"
                    + " (exit code 11)."
        })
final class SnapshotRenameCommand implements Callable<Integer> {
    private final Console console;
    private final TerminationSignals signals;

    @Parameters(index = "0", paramLabel = "IMAGE", description = "The qcow2 image.")
    private Path image;

    @Parameters(index = "1", paramLabel = "NAME", description = "The snapshot's name.")
    private String name;

    @Parameters(index = "2", paramLabel = "NEW", description = "Its new name.")
    private String newName;

    @Option(names = "--id", description = "NAME is not a name but an id.")
    private boolean byId;

    @Option(names = "--json", description = "Print the outcome as one JSON object on standard output.")
    private boolean json;

    SnapshotRenameCommand(Console console, TerminationSignals signals) {
        this.console = console;
        this.signals = signals;
    }

    @Override
    public Integer call() throws StateferryException {
        Renaming renaming;
        try (StillAtIt still = new StillAtIt(console, "changing " + image);
                SnapshotChange change =
                        SnapshotChange.open(image, Locking.EXCLUSIVE, SnapshotCommand.cancellation(signals))) {
            renaming = change.rename(SnapshotSelection.one(name, byId), newName);
        }
        if (json) {
            console.printJson(SnapshotReport.fields(image, renaming));
        } else {
            console.say(said(renaming));
        }
        return ExitCodes.DONE;
    }

    private String said(Renaming renaming) {
        String oldName = renaming.before().nameText();
        if (renaming.before().equals(renaming.after())) {
            return "the snapshot '" + oldName + "' of " + image + " has that name";
        }
        String newId = renaming.after().idText();
        return "renamed '" + oldName + "' of " + image + " to '"
                + renaming.after().nameText() + "'"
                + (renaming.before().idText().equals(newId) ? "" : "; its id is " + newId + " now");
    }
}
