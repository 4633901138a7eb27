package org.stateferry.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The program itself: what all commands share. */
@Command(
        name = "stateferry",
        description = "Ferries saved VM states between the forms they are kept in, offline.",
        versionProvider = VersionText.class,
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        sortOptions = false,
        usageHelpAutoWidth = true)
final class StateferryCommand {
    @Option(
            names = "--home",
            paramLabel = "DIR",
            scope = ScopeType.INHERIT,
            description = "Folder for the history, journals and logs. Default: property stateferry.home, else"
                    + " STATEFERRY_HOME, else .stateferry in the user's home.")
    private @Nullable Path home;

    /** The directory given by option, or null for the default. */
    @Nullable
    Path home() {
        return home;
    }
}
