package org.stateferry.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(name = "history")
final class HistoryCommand implements Callable<Integer> {
    HistoryCommand(Console console, Installation.Locator installations) {}

    @Override
    public Integer call() {
        return 0;
    }
}
