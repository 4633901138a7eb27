package org.stateferry.service.retention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneOffsetTransition;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.stateferry.service.retention.KeepRule.Candidate;
import org.stateferry.service.retention.KeepRule.Decision;
import org.stateferry.testing.Effort;
import org.stateferry.testing.Seeds;

/** Which snapshots stay, by examples and against a reference that follows the words of the rules and not the way to go. */
class KeepRuleTest {
    private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");
    /** Summer time, half hours, quarters, a day that was left out, changes at midnight and a minute after it. */
    private static final List<ZoneId> ZONES = Stream.of(
                    "UTC",
                    "Europe/Berlin",
                    "America/St_Johns",
                    "Australia/Lord_Howe",
                    "Asia/Kathmandu",
                    "Pacific/Apia",
                    "America/Sao_Paulo",
                    "Asia/Beirut")
            .map(ZoneId::of)
            .toList();

    private static KeepRule rule(int last, int hourly, int daily, int weekly, int monthly, int yearly) {
        return new KeepRule(last, hourly, daily, weekly, monthly, yearly, BERLIN);
    }

    /** In the order given; the number is the place in it, from 1. */
    private static List<Candidate> at(String... times) {
        List<Candidate> candidates = new ArrayList<>();
        for (String time : times) {
            candidates.add(new Candidate(candidates.size() + 1, Instant.parse(time), false, false));
        }
        return candidates;
    }

    private static List<Long> staying(KeepRule rule, List<Candidate> candidates) {
        return rule.decide(candidates).entrySet().stream()
                .filter(decision -> decision.getValue().stays())
                .map(Map.Entry::getKey)
                .sorted()
                .toList();
    }

    private static Candidate held(Candidate candidate) {
        return new Candidate(candidate.number(), candidate.date(), true, candidate.damaged());
    }

    private static Candidate damaged(Candidate candidate) {
        return new Candidate(candidate.number(), candidate.date(), candidate.held(), true);
    }

    @Test
    void theNewestOfEachDayStaysForSoManyDays() {
        List<Candidate> candidates = at(
                "2026-11-24T01:00:00Z",
                "2026-11-25T01:00:00Z",
                "2026-11-26T01:00:00Z",
                "2026-11-26T09:00:00Z",
                "2026-11-27T01:00:00Z");

        Map<Long, Decision> decisions = rule(0, 0, 3, 0, 0, 0).decide(candidates);

        assertThat(decisions.get(5L)).isEqualTo(new Decision(true, "daily 2026-11-27"));
        assertThat(decisions.get(4L)).isEqualTo(new Decision(true, "daily 2026-11-26"));
        assertThat(decisions.get(3L)).isEqualTo(new Decision(false, "another one is kept as daily 2026-11-26"));
        assertThat(decisions.get(2L)).isEqualTo(new Decision(true, "daily 2026-11-25"));
        assertThat(decisions.get(1L)).isEqualTo(new Decision(false, "no rule reaches back to it"));
        assertThat(decisions.keySet()).as("newest first").containsExactly(5L, 4L, 3L, 2L, 1L);
    }

    /** As Proxmox counts; restic would count the two days' week as one of the two weeks. */
    @Test
    void aRuleBeginsWhereTheOneBeforeItHasEnded() {
        List<Candidate> candidates = at(
                "2026-11-04T12:00:00Z", // week 45
                "2026-11-11T12:00:00Z", // 46
                "2026-11-18T12:00:00Z", // 47
                "2026-11-25T12:00:00Z", // 48
                "2026-11-26T12:00:00Z");

        assertThat(staying(rule(0, 0, 2, 2, 0, 0), candidates)).containsExactly(2L, 3L, 4L, 5L);
        assertThat(rule(0, 0, 2, 2, 0, 0).decide(candidates).get(3L).reason()).isEqualTo("weekly 2026-W47");
    }

    @Test
    void weeksAreThoseOfTheCalendarAndTheirYearIsTheirs() {
        List<Candidate> candidates = at("2026-12-27T12:00:00Z", "2026-12-28T12:00:00Z", "2027-01-03T12:00:00Z");

        Map<Long, Decision> decisions = rule(0, 0, 0, 5, 0, 0).decide(candidates);

        assertThat(decisions.get(3L).reason()).isEqualTo("weekly 2026-W53");
        assertThat(decisions.get(2L).stays()).isFalse();
        assertThat(decisions.get(1L).reason()).isEqualTo("weekly 2026-W52");
    }

    @Test
    void aDayIsOneOfTheZonesClocks() {
        List<Candidate> candidates = at("2026-11-26T22:30:00Z", "2026-11-26T23:30:00Z");

        assertThat(staying(rule(0, 0, 7, 0, 0, 0), candidates)).containsExactly(1L, 2L);
        assertThat(staying(new KeepRule(0, 0, 7, 0, 0, 0, ZoneOffset.UTC), candidates))
                .containsExactly(2L);
    }

    @Test
    void anHourThatComesTwiceIsOne() {
        List<Candidate> candidates = at("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z");

        assertThat(staying(rule(0, 9, 0, 0, 0, 0), candidates)).containsExactly(2L, 3L);
    }

    /** The newest of three stays, and so does the one that the rule counts as the last. */
    private static void assertIsNotCounted(UnaryOperator<Candidate> newest, String why) {
        List<Candidate> candidates =
                new ArrayList<>(at("2026-11-24T01:00:00Z", "2026-11-25T01:00:00Z", "2026-11-26T01:00:00Z"));
        candidates.set(2, newest.apply(candidates.get(2)));

        Map<Long, Decision> decisions = rule(1, 0, 0, 0, 0, 0).decide(candidates);

        assertThat(decisions.get(3L)).isEqualTo(new Decision(true, why));
        assertThat(decisions.get(2L)).isEqualTo(new Decision(true, "last"));
        assertThat(decisions.get(1L).stays()).isFalse();
    }

    @Test
    void whatIsOnHoldStaysAndIsNotCounted() {
        assertIsNotCounted(KeepRuleTest::held, "on hold");
    }

    @Test
    void aDamagedOneTakesNobodysPlace() {
        assertIsNotCounted(KeepRuleTest::damaged, "last; it is damaged");
    }

    @Test
    void theNewestGoodOneStaysWhateverTheRulesSay() {
        List<Candidate> candidates = new ArrayList<>(at("2026-11-24T01:00:00Z", "2026-11-24T01:00:00Z"));
        candidates.set(1, held(damaged(candidates.get(1))));
        assertThat(staying(rule(0, 0, 0, 0, 0, 1), candidates)).containsExactly(1L, 2L);

        List<Candidate> allDamaged = at("2026-11-24T01:00:00Z", "2026-11-25T01:00:00Z").stream()
                .map(KeepRuleTest::damaged)
                .toList();
        assertThat(staying(rule(1, 0, 0, 0, 0, 0), allDamaged)).containsExactly(2L);
    }

    @Test
    void ofTwoWithOneDateTheOneMadeLaterIsNewer() {
        assertThat(staying(rule(1, 0, 0, 0, 0, 0), at("2026-11-24T01:00:00Z", "2026-11-24T01:00:00Z")))
                .containsExactly(2L);
    }

    @Test
    void aRuleThatKeepsNothingIsNone() {
        assertThatThrownBy(() -> rule(0, 0, 0, 0, 0, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> rule(-1, 0, 0, 0, 0, 9)).isInstanceOf(IllegalArgumentException.class);
        assertThat(rule(1, 0, 2, 0, 0, 0)).hasToString("last 1, daily 2 (Europe/Berlin)");
        assertThat(rule(1, 0, 2, 0, 0, 0).decide(List.of())).isEmpty();
    }

    @Test
    void tenThousandCalendarsAreDecidedAsTheWordsOfTheRulesSay() {
        long seed = Seeds.of(1).findFirst().orElseThrow();
        for (int calendar = 0; calendar < Effort.times(2000); calendar++) {
            SplittableRandom random = new SplittableRandom(seed + calendar);
            ZoneId zone = ZONES.get(random.nextInt(ZONES.size()));
            List<Candidate> candidates = calendar(random, zone);
            KeepRule rule = randomRule(random, zone);

            assertThat(staying(rule, candidates))
                    .as("seed %d, calendar %d: %s of %s", seed, calendar, rule, candidates)
                    .isEqualTo(Reference.staying(rule, candidates));
        }
    }

    private static KeepRule randomRule(SplittableRandom random, ZoneId zone) {
        int[] counts = random.ints(6, 0, 6).toArray();
        for (int i = 0; i < counts.length; i++) {
            counts[i] = random.nextBoolean() ? 0 : counts[i];
        }
        counts[random.nextInt(6)] += 1;
        return new KeepRule(counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], zone);
    }

    /** Snapshots at all kinds of distances, some at a change of the clocks, some of the same time, some far off. */
    private static List<Candidate> calendar(SplittableRandom random, ZoneId zone) {
        Instant time = Instant.ofEpochSecond(random.nextLong(0, 2_500_000_000L));
        ZoneOffsetTransition change = zone.getRules().nextTransition(time);
        if (change != null && random.nextBoolean()) {
            time = change.getInstant().minus(Duration.ofMinutes(random.nextInt(3 * 24 * 60)));
        }
        Duration pace = List.of(
                        Duration.ofMinutes(1),
                        Duration.ofMinutes(17),
                        Duration.ofHours(1),
                        Duration.ofHours(7),
                        Duration.ofDays(1),
                        Duration.ofDays(9),
                        Duration.ofDays(40))
                .get(random.nextInt(7));
        List<Candidate> candidates = new ArrayList<>();
        int count = random.nextInt(1, 40);
        for (int i = 0; i < count; i++) {
            boolean same = random.nextInt(8) == 0;
            time = same
                    ? time
                    : time.plus(pace.multipliedBy(random.nextInt(1, 300)).dividedBy(100));
            Instant date = random.nextInt(50) == 0 ? Instant.ofEpochSecond(random.nextLong(1L << 32)) : time;
            candidates.add(new Candidate(i + 1, date, random.nextInt(12) == 0, random.nextInt(8) == 0));
        }
        // They need not come in the order of their dates.
        for (int i = candidates.size() - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            Candidate swapped = candidates.get(i);
            candidates.set(i, candidates.get(other));
            candidates.set(other, swapped);
        }
        return candidates;
    }

    /** The rules as sets: nothing here goes through the snapshots from the newest to the oldest. */
    private static final class Reference {
        private final KeepRule rule;
        private final List<Candidate> counted;
        private final List<Candidate> kept = new ArrayList<>();
        private final List<Candidate> passedBy = new ArrayList<>();
        private final Map<Long, long[]> periods;

        private Reference(KeepRule rule, List<Candidate> counted) {
            this.rule = rule;
            this.counted = counted;
            this.periods = counted.stream().collect(Collectors.toMap(Candidate::number, this::periodsOf));
            int[] counts = {rule.last(), rule.hourly(), rule.daily(), rule.weekly(), rule.monthly(), rule.yearly()};
            for (int kind = 0; kind < counts.length; kind++) {
                apply(kind, counts[kind]);
            }
        }

        static List<Long> staying(KeepRule rule, List<Candidate> all) {
            List<Candidate> free = all.stream().filter(one -> !one.held()).toList();
            List<Candidate> ofGood = new Reference(
                            rule, free.stream().filter(one -> !one.damaged()).toList())
                    .kept;
            List<Candidate> ofAll = new Reference(rule, free).kept;
            return all.stream()
                    .filter(one -> one.held()
                            || ofGood.contains(one)
                            || (one.damaged() && ofAll.contains(one))
                            || (!one.damaged()
                                    && all.stream().noneMatch(other -> !other.damaged() && isNewer(other, one))))
                    .map(Candidate::number)
                    .sorted()
                    .toList();
        }

        private static boolean isNewer(Candidate one, Candidate other) {
            return one.date().isAfter(other.date())
                    || (one.date().equals(other.date()) && one.number() > other.number());
        }

        private void apply(int kind, int count) {
            List<Candidate> open = counted.stream()
                    .filter(one -> !kept.contains(one) && !passedBy.contains(one))
                    .filter(one -> kept.stream().noneMatch(other -> period(kind, other) == period(kind, one)))
                    .toList();
            List<Candidate> newestOfPeriods = open.stream()
                    .filter(one -> open.stream()
                            .noneMatch(other -> period(kind, other) == period(kind, one) && isNewer(other, one)))
                    .toList();
            List<Candidate> chosen = newestOfPeriods.stream()
                    .filter(one -> newestOfPeriods.stream()
                                    .filter(other -> isNewer(other, one))
                                    .count()
                            < count)
                    .toList();
            List<Candidate> beyond = newestOfPeriods.stream()
                    .filter(one -> !chosen.contains(one))
                    .toList();
            List<Long> covered = chosen.stream().map(one -> period(kind, one)).toList();
            open.stream()
                    .filter(one -> !chosen.contains(one) && covered.contains(period(kind, one)))
                    .filter(one -> beyond.stream().noneMatch(other -> isNewer(other, one)))
                    .forEach(passedBy::add);
            kept.addAll(chosen);
        }

        private long period(int kind, Candidate one) {
            return periods.get(one.number())[kind];
        }

        /** A number for each period, in the order of the rules. */
        private long[] periodsOf(Candidate one) {
            LocalDateTime local = LocalDateTime.ofInstant(one.date(), rule.zone());
            long day = local.toLocalDate().toEpochDay();
            return new long[] {
                one.number(),
                day * 24 + local.getHour(),
                day,
                Math.floorDiv(day + 3, 7), // 1 January 1970 was a Thursday
                local.getYear() * 12L + local.getMonthValue(),
                local.getYear()
            };
        }
    }
}
