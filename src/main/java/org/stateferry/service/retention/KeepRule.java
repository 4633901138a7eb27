package org.stateferry.service.retention;

import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.SignStyle;
import java.time.temporal.IsoFields;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.stateferry.service.definition.DefinitionFields;
import org.stateferry.service.definition.FieldValues;

/**
 * How many snapshots are kept, counted as Proxmox does: the rules apply in the order of the fields, from the shortest period to the
 * longest. Each goes through the snapshots from the newest to the oldest and keeps the newest of each period, up to its number of
 * periods. It skips a period in which an earlier rule has kept a snapshot, and does not count it. A snapshot that a rule has passed
 * over, because a newer one of its period was kept, is not kept by a later rule either.
 *
 * <p>Apart from the rules, snapshots on hold stay, which no rule counts, and so does the newest that is not known to be damaged. A
 * damaged snapshot stays as long as it would if it were whole, but counts for nothing.
 *
 * @param last the newest ones
 * @param hourly of so many hours the newest one
 * @param daily likewise of days
 * @param weekly of weeks, which begin on Monday (ISO 8601)
 * @param monthly of months
 * @param yearly of years
 * @param zone whose clocks say where these begin and end
 */
public record KeepRule(int last, int hourly, int daily, int weekly, int monthly, int yearly, ZoneId zone) {
    private static final int KEPT_MAX = 10_000;
    private static final int NOT_GIVEN = -1;

    public KeepRule {
        if (last < 0 || hourly < 0 || daily < 0 || weekly < 0 || monthly < 0 || yearly < 0) {
            throw new IllegalArgumentException("a number is negative");
        }
        if (last + (long) hourly + daily + weekly + monthly + yearly == 0) {
            throw new IllegalArgumentException("nothing is to be kept");
        }
    }

    /**
     * Reads {@code keep}.
     *
     * @param zone whose clocks count unless the definition names others here
     * @return null if all snapshots stay, and also, beside a mistake, if it is not valid
     */
    public static @Nullable KeepRule read(DefinitionFields fields, ZoneId zone) {
        int last = fields.read("keep.last", NOT_GIVEN, KeepRule::number);
        int hourly = fields.read("keep.hourly", NOT_GIVEN, KeepRule::number);
        int daily = fields.read("keep.daily", NOT_GIVEN, KeepRule::number);
        int weekly = fields.read("keep.weekly", NOT_GIVEN, KeepRule::number);
        int monthly = fields.read("keep.monthly", NOT_GIVEN, KeepRule::number);
        int yearly = fields.read("keep.yearly", NOT_GIVEN, KeepRule::number);
        int most =
                IntStream.of(last, hourly, daily, weekly, monthly, yearly).max().orElseThrow();
        if (most == NOT_GIVEN) {
            return null; // a zone alone is then a field that nobody takes
        }
        ZoneId where = fields.read("keep.zone", zone, ZoneId::of);
        if (most == 0) {
            fields.mistake("'keep': one of the numbers must not be 0");
            return null;
        }
        return new KeepRule(
                Math.max(0, last),
                Math.max(0, hourly),
                Math.max(0, daily),
                Math.max(0, weekly),
                Math.max(0, monthly),
                Math.max(0, yearly),
                where);
    }

    private static int number(String text) {
        return FieldValues.number(text, 0, KEPT_MAX);
    }

    /**
     * A snapshot to decide about.
     *
     * @param number tells it from others; of two with the same date the higher one is newer
     * @param date when the guest was saved
     * @param held whether it is on hold
     * @param damaged whether it is known not to be as it was written
     */
    public record Candidate(long number, Instant date, boolean held, boolean damaged) {}

    /**
     * What becomes of a snapshot.
     *
     * @param stays whether it stays
     * @param reason why, for people
     */
    public record Decision(boolean stays, String reason) {}

    /** The periods, in the order of the rules. */
    private enum Period {
        LAST(""),
        HOURLY("uuuu-MM-dd HH'h'"),
        DAILY("uuuu-MM-dd"),
        WEEKLY(weeks()),
        MONTHLY("uuuu-MM"),
        YEARLY("uuuu");

        private final DateTimeFormatter names;

        Period(String pattern) {
            this(DateTimeFormatter.ofPattern(pattern, Locale.ROOT));
        }

        Period(DateTimeFormatter names) {
            this.names = names;
        }

        private static DateTimeFormatter weeks() {
            return new DateTimeFormatterBuilder()
                    .appendValue(IsoFields.WEEK_BASED_YEAR, 4, 10, SignStyle.NOT_NEGATIVE)
                    .appendLiteral("-W")
                    .appendValue(IsoFields.WEEK_OF_WEEK_BASED_YEAR, 2)
                    .toFormatter(Locale.ROOT);
        }

        /** The name of the period that a snapshot lies in, by which periods are told apart. */
        private String of(Candidate snapshot, ZoneId zone) {
            return this == LAST ? "#" + snapshot.number : names.format(ZonedDateTime.ofInstant(snapshot.date, zone));
        }

        /** The name of the field, and of the period where there is one. */
        private String text(String period) {
            String field = name().toLowerCase(Locale.ROOT);
            return this == LAST ? field : field + " " + period;
        }
    }

    private int count(Period period) {
        return switch (period) {
            case LAST -> last;
            case HOURLY -> hourly;
            case DAILY -> daily;
            case WEEKLY -> weekly;
            case MONTHLY -> monthly;
            case YEARLY -> yearly;
        };
    }

    /** What becomes of each snapshot, by its number, from the newest to the oldest. */
    public Map<Long, Decision> decide(List<Candidate> snapshots) {
        List<Candidate> newestFirst = snapshots.stream()
                .sorted(Comparator.comparing(Candidate::date)
                        .thenComparing(Candidate::number)
                        .reversed())
                .toList();
        List<Candidate> counted =
                newestFirst.stream().filter(snapshot -> !snapshot.held).toList();
        Map<Long, Decision> ofGood =
                apply(counted.stream().filter(snapshot -> !snapshot.damaged).toList());
        Map<Long, Decision> ofAll = apply(counted);
        Optional<Candidate> newestGood =
                newestFirst.stream().filter(snapshot -> !snapshot.damaged).findFirst();
        Map<Long, Decision> decisions = new LinkedHashMap<>();
        for (Candidate snapshot : newestFirst) {
            Decision byRule = (snapshot.damaged ? ofAll : ofGood).get(snapshot.number);
            Decision decision;
            if (byRule == null) {
                decision = new Decision(true, "on hold");
            } else if (!byRule.stays && newestGood.filter(snapshot::equals).isPresent()) {
                decision = new Decision(true, "the newest good one");
            } else {
                decision = snapshot.damaged ? new Decision(byRule.stays, byRule.reason + "; it is damaged") : byRule;
            }
            decisions.put(snapshot.number, decision);
        }
        return decisions;
    }

    /** @param snapshots those that count, from the newest to the oldest */
    private Map<Long, Decision> apply(List<Candidate> snapshots) {
        Map<Long, Decision> decided = new HashMap<>();
        List<Candidate> kept = new ArrayList<>();
        for (Period period : Period.values()) {
            Set<String> covered = new HashSet<>();
            kept.forEach(snapshot -> covered.add(period.of(snapshot, zone)));
            Map<String, Candidate> own = new HashMap<>();
            for (Candidate snapshot : snapshots) {
                String name = period.of(snapshot, zone);
                if (decided.containsKey(snapshot.number) || covered.contains(name)) {
                    continue;
                }
                Candidate newer = own.get(name);
                if (newer != null) {
                    decided.put(snapshot.number, new Decision(false, "another one is kept as " + period.text(name)));
                } else if (own.size() < count(period)) {
                    own.put(name, snapshot);
                    kept.add(snapshot);
                    decided.put(snapshot.number, new Decision(true, period.text(name)));
                } else {
                    break;
                }
            }
        }
        List<Candidate> unreached = snapshots.stream()
                .filter(snapshot -> !decided.containsKey(snapshot.number))
                .toList();
        for (Period period : Period.values()) {
            Set<String> covered =
                    kept.stream().map(other -> period.of(other, zone)).collect(Collectors.toSet());
            for (Candidate snapshot : unreached) {
                String name = period.of(snapshot, zone);
                if (count(period) > 0 && covered.contains(name)) {
                    decided.putIfAbsent(snapshot.number, new Decision(false, "another one is kept of " + name));
                }
            }
        }
        unreached.forEach(
                snapshot -> decided.putIfAbsent(snapshot.number, new Decision(false, "no rule reaches back to it")));
        return decided;
    }

    @Override
    public String toString() {
        List<String> rules = new ArrayList<>();
        for (Period period : Period.values()) {
            if (count(period) > 0) {
                rules.add(period.text("").strip() + " " + count(period));
            }
        }
        return String.join(", ", rules) + " (" + zone + ")";
    }
}
