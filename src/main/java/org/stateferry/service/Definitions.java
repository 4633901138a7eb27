package org.stateferry.service;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.ForeignText;

/** What an operator sees of the definitions, and does with them. Thread-safe. */
public final class Definitions {
    /** A firing that is so late has met a service in which nothing moves. */
    static final Duration LATENESS_MAX = Duration.ofMinutes(5);

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
     * @param dump the dump, as it is written there
     * @param image the image
     * @param schedule when it fires, for people
     * @param next when it fires next, or null
     * @param running whether its import is under way
     * @param overdue whether it should have fired long ago, and has not
     * @param outcome how the last firing ended, or null before the first
     * @param ended when that was, or null
     * @param message what there was to say, or null
     */
    public record Definition(
            String name,
            String dump,
            String image,
            String schedule,
            @Nullable Instant next,
            boolean running,
            boolean overdue,
            @Nullable String outcome,
            @Nullable Instant ended,
            @Nullable String message) {}

    /** All of them, in the order of their files. */
    public List<Definition> list() {
        return schedule.imports().stream().map(this::describe).toList();
    }

    /** One of them. */
    public Optional<Definition> find(String name) {
        return named(name).map(this::describe).findFirst();
    }

    /**
     * Has one fire now.
     *
     * @return whether there is one of this name
     */
    public boolean fire(String name) {
        Optional<ScheduledImport> found = named(name).findFirst();
        found.ifPresent(schedule::fire);
        return found.isPresent();
    }

    /** The names of those that should have fired long ago. */
    List<String> overdue() {
        return list().stream().filter(Definition::overdue).map(Definition::name).toList();
    }

    private Stream<ScheduledImport> named(String name) {
        return schedule.imports().stream()
                .filter(scheduled -> scheduled.definition().job().equals(name));
    }

    private Definition describe(ScheduledImport scheduled) {
        JobDefinition definition = scheduled.definition();
        Optional<ScheduledImport.LastRun> last = scheduled.lastRun();
        Instant next = schedule.due(scheduled).orElse(null);
        boolean running = schedule.isBusy(scheduled);
        return new Definition(
                ForeignText.escape(definition.job()),
                definition.dump().toString(),
                definition.image().toString(),
                ForeignText.escape(definition.schedule()),
                next,
                running,
                !running && next != null && clock.instant().isAfter(next.plus(LATENESS_MAX)),
                last.map(run -> run.ending().tag()).orElse(null),
                last.map(ScheduledImport.LastRun::at).orElse(null),
                last.map(run -> ForeignText.escape(run.message())).orElse(null));
    }
}
