package org.stateferry.cli;

import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.Installation;
import org.stateferry.installation.NotificationResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code stateferry notify}: whether those are reached who are to be told of a definition. */
@Command(
        name = "notify",
        sortOptions = false,
        description =
                "Lets the service send a test notification to all receivers of a definition, and shows who has got it.",
        footer = {
            "",
            "Webhooks get the event \"test\", mailboxes a message with that subject, and pings are asked for with /log behind"
                    + " their address, which changes nothing. The exit code is 0 if all of them have taken it."
        })
final class NotifyCommand implements Callable<Integer> {
    private final Console console;
    private final Installation.Locator installations;

    @ParentCommand
    private StateferryCommand program;

    @Parameters(index = "0", paramLabel = "DEFINITION", description = "The definition's name.")
    private String definition;

    @Option(names = "--json", description = "Print JSON: an array of the receivers in the member receivers.")
    private boolean json;

    NotifyCommand(Console console, Installation.Locator installations) {
        this.console = console;
        this.installations = installations;
    }

    @Override
    public Integer call() throws StateferryException, PartialResult {
        List<NotificationResult> results = installations.locate(program.home()).testNotifications(definition);
        long missing = results.stream().filter(result -> !result.delivered()).count();
        Map<String, Object> fields = Map.of("receivers", results);
        if (json) {
            if (missing == 0) {
                console.printJson(fields);
            }
        } else if (results.isEmpty()) {
            console.print("nobody is told of " + definition);
        } else {
            results.forEach(result -> console.print(line(result)));
        }
        if (missing > 0) {
            throw new PartialResult(
                    fields,
                    StateferryException.of(
                                    FailureKind.IO,
                                    missing + " of " + results.size() + " receivers have not got the test")
                            .advise(
                                    "Correct their addresses in the definition's 'notify' or in the settings, or see why they do"
                                            + " not answer."));
        }
        return ExitCodes.DONE;
    }

    private static String line(NotificationResult result) {
        return result.receiver() + " " + result.place() + ": " + (result.delivered() ? "delivered" : result.problem());
    }
}
