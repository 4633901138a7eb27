package org.stateferry.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.TextTable;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.Installation;
import org.stateferry.service.retention.RetentionReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code stateferry retention}: a dry run of what a definition's {@code keep} says. */
@Command(
        name = "retention",
        sortOptions = false,
        description =
                "Shows which snapshots of a definition its rule 'keep' would delete now, and why; changes nothing.",
        footer = {
            "",
            "The service of this home is asked, and it looks at the images. NUMBER is what a snapshot is put on hold by."
        })
final class RetentionCommand implements Callable<Integer> {
    private final Console console;
    private final Installation.Locator installations;

    @ParentCommand
    private StateferryCommand program;

    @Parameters(index = "0", paramLabel = "DEFINITION", description = "The definition's name.")
    private String definition;

    @Option(names = "--json", description = "Print the service's answer as one JSON object.")
    private boolean json;

    RetentionCommand(Console console, Installation.Locator installations) {
        this.console = console;
        this.installations = installations;
    }

    @Override
    public Integer call() throws StateferryException {
        RetentionReport report =
                installations.locate(program.home()).askAbout(definition, "retention", RetentionReport.class);
        if (json) {
            console.printJson(report);
            return ExitCodes.DONE;
        }
        console.print("keep: " + (report.rule() == null ? "no rule, so all stay" : report.rule()));
        if (!report.snapshots().isEmpty()) {
            TextTable.align(rows(report)).forEach(console::print);
        }
        report.problems().forEach(problem -> console.print("problem: " + problem));
        return ExitCodes.DONE;
    }

    private static List<List<String>> rows(RetentionReport report) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("NUMBER", "", "NAME", "DATE", "IMAGE", "REASON"));
        for (RetentionReport.Snapshot snapshot : report.snapshots()) {
            rows.add(List.of(
                    String.valueOf(snapshot.number()),
                    snapshot.goes() ? "goes" : "stays",
                    snapshot.name(),
                    snapshot.date().toString(),
                    snapshot.image(),
                    snapshot.damage() == null
                            ? snapshot.reason()
                            : snapshot.reason() + "; damaged: " + snapshot.damage()));
        }
        return rows;
    }
}
