package org.stateferry.installation;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportRecord;
import org.stateferry.transfer.TransferObserver;

/** Everything under one home directory, as the commands need it. The seam between commands and the job repository. */
public interface Installation {
    /** The file that takes stack traces and the framework's log; it need not exist yet. */
    Path logFile();

    /**
     * Makes ready for imports: from now until the result is closed, this process owns the job repository.
     *
     * @param longestWait how long to wait for another process that owns it, or null for as long as it takes
     * @param notice hears, in one line, whom it waits for
     * @param stop ends the wait
     */
    Imports openImports(@Nullable Duration longestWait, Consumer<String> notice, StopSignal stop)
            throws StateferryException;

    /** Makes all checks of an import and changes nothing; needs no job repository. */
    ImportPreview preview(ImportRequest request, ImportProgress progress, StopSignal stop) throws StateferryException;

    /**
     * The imports so far, newest first. Where another process owns the job repository, they are what that process last
     * told about them.
     *
     * @param notice hears, in one line, if that is the case
     */
    List<ImportRecord> history(Consumer<String> notice) throws StateferryException;

    /**
     * One import, as {@link #history} tells it.
     *
     * @param id the import's ID
     * @param notice hears, in one line, if another process tells
     * @throws StateferryException of kind {@link org.stateferry.error.FailureKind#USAGE} if there is none
     */
    ImportRecord importRecord(long id, Consumer<String> notice) throws StateferryException;

    /**
     * The log of an import, its own one; empty if there is none.
     *
     * @param id the import's ID
     */
    String importLog(long id) throws StateferryException;

    /**
     * Makes the service of this home send something to all receivers of a definition.
     *
     * @param definition the definition's name
     * @return how each of them took it
     * @throws StateferryException of kind {@link org.stateferry.error.FailureKind#USAGE} if there is no such definition, or no
     *     service runs
     */
    List<NotificationResult> testNotifications(String definition) throws StateferryException;

    /**
     * What the service of this home says about a definition.
     *
     * @param definition the definition's name
     * @param what the rest of the path by which it is asked for
     * @param type of the answer
     * @throws StateferryException as {@link #testNotifications}
     */
    <T> T askAbout(String definition, String what, Class<T> type) throws StateferryException;

    /**
     * Stops an import that runs, in whichever process of this home, and waits for its end.
     *
     * @param id the import's ID
     * @param longestWait how long to wait for the end
     */
    StopOutcome stop(long id, Duration longestWait) throws StateferryException;

    /**
     * Starts a service: from now until the result is closed, this process owns the job repository, and others are told that
     * it is a service and will not end by itself. The service's context and the job repository's are one.
     *
     * @param content what is in the context besides the job repository; its beans may ask for an {@link OwnedRepository}
     * @param notice hears, in one line, whom it waits for
     * @param stop ends the wait
     */
    OwnedRepository openForService(ServiceContent content, Consumer<String> notice, StopSignal stop)
            throws StateferryException;

    /** What a service has in its context besides the job repository. */
    interface ServiceContent {
        /** Adds configurations, among them exactly one {@link TransferObserver}, and settings. */
        void addTo(SpringApplicationBuilder context);

        /** Settings that precede all others. */
        Map<String, ?> overrides();

        /** What it means that the context did not start; null if that is the job repository's affair. */
        @Nullable
        StateferryException explain(RuntimeException failure);
    }

    /** Imports can be run, and those of before be dealt with by their ID, until it is closed. */
    interface Imports extends ImportRunner, AutoCloseable {
        /** What an import was asked for the last time. */
        ImportRequest requestOf(long id) throws StateferryException;

        /** Runs an import once more, as it was asked for the last time, and no other. */
        ImportOutcome restart(long id, ImportProgress progress, StopSignal stop) throws StateferryException;

        /** Gives an unfinished import up. */
        AbandonOutcome abandon(long id) throws StateferryException;

        /** Takes imports that are over out of the history; returns how many. */
        int prune(HistoryPruning.Rule rule) throws StateferryException;

        @Override
        void close();
    }

    /** Finds the installation for a home directory given by option. */
    @FunctionalInterface
    interface Locator {
        /** @param home the directory, or null for the default */
        Installation locate(@Nullable Path home) throws StateferryException;
    }
}
