package org.stateferry.service;

import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.NotificationResult;
import org.stateferry.service.definition.Punctuality;
import org.stateferry.service.retention.RetentionReport;
import org.stateferry.service.retention.SnapshotCare;

/** The view of the definitions for operators, and the actions on them. Thread-safe. */
public final class Definitions {
    private final ImportSchedule schedule;
    private final Clock clock;

    Definitions(ImportSchedule schedule, Clock clock) {
        this.schedule = schedule;
        this.clock = clock;
    }

    /**
     * A definition and how it gets on.
     *
     * @param name the file's name without its ending
     * @param dump where its dumps come from, a file or a folder, as it is written there
     * @param image the image, likewise
     * @param schedule when it fires, for people
     * @param enabled whether it is used at all
     * @param paused whether it, or all of them, are paused
     * @param next when it fires next by its schedule, or null
     * @param running whether imports of it wait for their turn or run
     * @param overdue whether it should have fired long ago, and has not
     * @param missed the time on its schedule since which nothing has succeeded although the next one has come, or null
     * @param outcome how the last firing ended, or null before the first
     * @param ended when that was, or null
     * @param message what there was to say, or null
     */
    public record Definition(
            String name,
            String dump,
            String image,
            String schedule,
            boolean enabled,
            boolean paused,
            @Nullable Instant next,
            boolean running,
            boolean overdue,
            @Nullable Instant missed,
            @Nullable String outcome,
            @Nullable Instant ended,
            @Nullable String message) {}

    /** What became of the wish that a definition fire now. */
    public enum Firing {
        /** It fires, or a firing of it is under way. */
        FIRED,
        /** It is disabled or paused. */
        HELD,
        /** There is none of this name. */
        UNKNOWN
    }

    /** All of them, in the order of their files. */
    public List<Definition> list() {
        return schedule.imports().stream().map(this::describe).toList();
    }

    /** One of them. */
    public Optional<Definition> find(String name) {
        return scheduled(name).map(this::describe);
    }

    /** What has failed is tried again at its next firing, and not held back: whoever operates may have mended what was wrong. */
    public void endHoldBack(String name) {
        scheduled(name).ifPresent(ScheduledImport::endHoldBack);
    }

    /** Makes a definition fire now, unless a firing of it is under way. */
    public Firing fire(String name) {
        if (find(name).isEmpty()) {
            return Firing.UNKNOWN;
        }
        return schedule.fireNow(name) ? Firing.FIRED : Firing.HELD;
    }

    /**
     * Pauses one or resumes it, which outlives the service.
     *
     * @return whether there is one of this name
     */
    public boolean pause(String name, boolean paused) {
        return schedule.pause(name, paused);
    }

    /** Pauses all of them, those to come included, or ends that; those that are paused by themselves stay so. */
    public void pauseAll(boolean paused) {
        schedule.pauseAll(paused);
    }

    /** What would become of a definition's snapshots now, and how they are; empty if there is none of this name. */
    public Optional<RetentionReport> retention(String name) {
        return care(name)
                .map(care ->
                        care.report().withNextCheck(schedule.nextCheck(name).orElse(null)));
    }

    /**
     * Puts a snapshot of a definition on hold, or releases it.
     *
     * @param number that of {@link #retention}
     * @param by who wants it on hold, or null to release it
     * @return the snapshot, or empty if the definition has none with this number
     * @throws StateferryException of kind CONFLICT if it is being deleted
     */
    public Optional<RetentionReport.Snapshot> hold(String name, long number, @Nullable String by)
            throws StateferryException {
        Optional<SnapshotCare> care = care(name);
        return care.isEmpty() ? Optional.empty() : care.get().hold(number, by);
    }

    /** Starts reading back the snapshots of a definition, unless that is under way; false if there is no such definition. */
    public boolean verify(String name) {
        Optional<SnapshotCare> care = care(name);
        care.ifPresent(SnapshotCare::verify);
        return care.isPresent();
    }

    private Optional<SnapshotCare> care(String name) {
        return schedule.imports().stream()
                .filter(scheduled -> scheduled.definition().job().equals(name))
                .map(ScheduledImport::care)
                .findFirst();
    }

    /** Whether one should have fired long ago. */
    boolean isOverdue(String name) {
        return find(name).filter(Definition::overdue).isPresent();
    }

    /** Those that should have fired long ago or have missed a time, each with a line about it. */
    Map<String, String> missed() {
        Map<String, String> missed = new LinkedHashMap<>();
        for (ScheduledImport scheduled : schedule.imports()) {
            Definition definition = describe(scheduled);
            if (definition.overdue || definition.missed != null) {
                missed.put(scheduled.definition().job(), why(definition));
            }
        }
        return missed;
    }

    private static String why(Definition definition) {
        if (definition.overdue) {
            return "it should have fired at " + definition.next + " and has not";
        }
        String since = "nothing has succeeded since it was due at " + definition.missed;
        if (definition.paused) {
            return since + "; it is paused";
        }
        return definition.outcome == null
                ? since
                : since + "; the last firing ended as " + definition.outcome + ": " + definition.message;
    }

    /** Those who are told of a definition are told of what it has missed. */
    void tellMissed(String name, String message) {
        scheduled(name).ifPresent(scheduled -> scheduled.notices().missed(message));
    }

    /**
     * Sends a test notification to all receivers of a definition.
     *
     * @return how each of them took it; empty if there is no definition of this name
     */
    public Optional<List<NotificationResult>> testNotifications(String name) {
        return scheduled(name).map(scheduled -> scheduled.notices().test());
    }

    private Optional<ScheduledImport> scheduled(String name) {
        return schedule.imports().stream()
                .filter(scheduled -> scheduled.definition().job().equals(name))
                .findFirst();
    }

    /** The names of those that should have fired long ago. */
    List<String> overdue() {
        return list().stream().filter(Definition::overdue).map(Definition::name).toList();
    }

    private Definition describe(ScheduledImport scheduled) {
        JobDefinition definition = scheduled.definition();
        Optional<StateImport.LastRun> last = scheduled.lastRun();
        Instant next = schedule.nextFiring(definition.job()).orElse(null);
        boolean running = scheduled.underWayCount() > 0;
        return new Definition(
                ForeignText.escape(definition.job()),
                definition.source().toString(),
                definition.image().toString(),
                ForeignText.escape(definition.schedule().text()),
                definition.enabled(),
                schedule.isPaused(definition.job()),
                next,
                running,
                !running && Punctuality.isOverdue(next, clock.instant()),
                scheduled.missed().orElse(null),
                last.map(run -> run.ending().tag()).orElse(null),
                last.map(StateImport.LastRun::at).orElse(null),
                last.map(run -> ForeignText.escape(run.message())).orElse(null));
    }
}
