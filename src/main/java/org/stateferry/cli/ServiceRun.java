package org.stateferry.cli;

import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Texts;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.Installation;
import org.stateferry.service.DoubtfulJvm;
import org.stateferry.service.StateferryService;
import org.stateferry.web.WebConfiguration;

/**
 * Runs the service: takes over the signals, owns the job repository, and ends everything in order.
 *
 * @param installations finds what the service works with
 * @param signals taken over before anything is opened
 */
record ServiceRun(Installation.Locator installations, TerminationSignals signals) {
    /**
     * Runs the service until a signal asks for its end.
     *
     * @param home the home directory, or null for the default
     * @param notice hears what an operator should know
     */
    void run(@Nullable Path home, Consumer<String> notice) throws StateferryException {
        signals.takeOver();
        DoubtfulJvm jvm = DoubtfulJvm.ofProcess();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler(jvm);
        try (StateferryService service = StateferryService.start(
                installations.locate(home), jvm, Map.of(), notice::accept, signals.stop(), WebConfiguration.class)) {
            signals.answer(() -> service.runningImports().forEach(notice));
            notice.accept("serving " + Texts.count(service.definitionCount(), "definition") + ", health on port "
                    + service.port());
            signals.await();
            notice.accept("ending; a running import stops at its next safe point");
            service.runningImports().forEach(notice); // one whose disk does not answer is what the end waits for
        } catch (InterruptedException e) {
            // Nobody interrupts the main thread; if someone did, this is the end too.
            Thread.currentThread().interrupt();
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }
}
