package org.stateferry.cli;

import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.Texts;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.installation.Installation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code stateferry abandon}: gives an unfinished import up. */
@Command(
        name = "abandon",
        sortOptions = false,
        description =
                "Gives up an import that was stopped or failed, and frees the space that it has taken in its image. The"
                        + " snapshots that it has already made in other disks are removed.",
        footer = {
            "",
            "The image must not be in use. If it is gone, or another file has taken its place, the import is abandoned"
                    + " all the same. The same import command later begins anew, under another ID.",
            "",
            "A running import has to be stopped first: this command waits for it. A complete one cannot be abandoned."
        })
final class AbandonCommand implements Callable<Integer> {
    private final Console console;
    private final Installation.Locator installations;

    @ParentCommand
    private StateferryCommand program;

    @Parameters(index = "0", paramLabel = "ID", description = "The import, as 'stateferry history' numbers it.")
    private long id;

    @Mixin
    private final WaitOption wait = new WaitOption();

    AbandonCommand(Console console, Installation.Locator installations) {
        this.console = console;
        this.installations = installations;
    }

    @Override
    public Integer call() throws StateferryException {
        try (StillAtIt still = new StillAtIt(console, "abandoning import " + id);
                Installation.Imports imports = installations
                        .locate(program.home())
                        .openImports(wait.longest(), console::say, new StopSignal())) {
            AbandonOutcome outcome = imports.abandon(id);
            console.say("import " + id + " is abandoned, which gave back " + Texts.bytes(outcome.bytesGivenBack()));
            if (outcome.remark() != null) {
                console.sayMore(outcome.remark());
            }
            return ExitCodes.DONE;
        }
    }
}
