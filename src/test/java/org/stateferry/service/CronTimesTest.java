package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneRules;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the guide says about clocks that are put forward and back. */
class CronTimesTest {
    private static final String BERLIN = "Europe/Berlin";

    private static List<String> times(String cron, String zone, String after, String until) {
        CronTimes times = CronTimes.parse(cron, ZoneId.of(zone));
        List<String> found = new ArrayList<>();
        Instant end = Instant.parse(until);
        for (Instant at = times.after(Instant.parse(after)); !at.isAfter(end); at = times.after(at)) {
            found.add(at.toString());
        }
        return found;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // forward at 01:00Z: 02:30 does not exist, and 03:30 is 01:30Z
                "0 30 2 * * * | Europe/Berlin | 2026-03-28T12:00:00Z | 2026-03-30T12:00:00Z"
                        + "| 2026-03-29T01:30:00Z 2026-03-30T00:30:00Z",
                // back at 01:00Z: the first 02:30 is 00:30Z, the second 01:30Z
                "0 30 2 * * * | Europe/Berlin | 2026-10-24T12:00:00Z | 2026-10-26T12:00:00Z"
                        + "| 2026-10-25T00:30:00Z 2026-10-26T01:30:00Z",
                "0 0 2 * * * | Europe/Berlin | 2026-03-28T12:00:00Z | 2026-03-29T12:00:00Z | 2026-03-29T01:00:00Z",
                "0 0 3 * * * | Europe/Berlin | 2026-03-28T12:00:00Z | 2026-03-29T12:00:00Z | 2026-03-29T01:00:00Z",
                // what falls together is one firing
                "0 30 2,3 * * * | Europe/Berlin | 2026-03-28T12:00:00Z | 2026-03-29T12:00:00Z | 2026-03-29T01:30:00Z",
                "0 15,45 2,3 * * * | Europe/Berlin | 2026-03-28T12:00:00Z | 2026-03-29T12:00:00Z"
                        + "| 2026-03-29T01:15:00Z 2026-03-29T01:45:00Z",
                "@daily | America/Santiago | 2026-09-05T12:00:00Z | 2026-09-06T12:00:00Z | 2026-09-06T04:00:00Z",
                // half an hour, at the other end of the world
                "0 15 2 * * * | Australia/Lord_Howe | 2026-10-03T12:00:00Z | 2026-10-04T12:00:00Z | 2026-10-03T15:45:00Z",
            })
    void aTimeOfTheDayComesOnceADay(String cron, String zone, String after, String until, String expected) {
        assertThat(times(cron, zone, after, until)).containsExactly(expected.split(" "));
    }

    /**
     * Against all times that clocks on the wall show, laid out by the zone's rules: half an hour, two hours, at midnight, a day
     * that never was, an offset that changes for good, summer time in winter.
     */
    @ParameterizedTest
    @CsvSource({
        "Australia/Lord_Howe, 2026-10-01",
        "Australia/Lord_Howe, 2026-04-02",
        "America/Santiago, 2026-09-03",
        "America/Santiago, 2026-04-02",
        "America/Havana, 2026-03-05",
        "America/Havana, 2026-10-29",
        "Africa/Cairo, 2026-04-21",
        "Africa/Cairo, 2026-10-27",
        "Pacific/Apia, 2011-12-27",
        "Pacific/Kwajalein, 1993-08-18",
        "America/Caracas, 2016-04-28",
        "Asia/Pyongyang, 2018-05-02",
        "Africa/Casablanca, 2026-02-12",
        "Africa/Casablanca, 2026-03-19",
        "Europe/Dublin, 2026-03-26",
        "Antarctica/Troll, 2026-03-26"
    })
    void aDayInAnyZoneHasEachOfItsTimesOnce(String zoneName, LocalDate begin) {
        ZoneId zone = ZoneId.of(zoneName);
        Random random = new Random(zoneName.hashCode() + begin.toEpochDay());
        Instant start = begin.atStartOfDay(zone).toInstant();
        Instant end = begin.plusDays(6).atStartOfDay(zone).toInstant();
        for (int round = 0; round < 40; round++) {
            Set<Integer> minutes = some(random, 60);
            Set<Integer> hours = some(random, 24);
            TreeSet<Instant> expected = new TreeSet<>();
            for (LocalDate day = begin.minusDays(3); day.isBefore(begin.plusDays(9)); day = day.plusDays(1)) {
                for (int hour : hours) {
                    for (int minute : minutes) {
                        expected.add(wall(day.atTime(hour, minute), zone.getRules()));
                    }
                }
            }
            String cron = "0 %s %s * * *".formatted(list(minutes), list(hours));
            assertThat(times(cron, zoneName, start.toString(), end.toString()))
                    .as(cron)
                    .containsExactlyElementsOf(expected.subSet(start, false, end, true).stream()
                            .map(Instant::toString)
                            .toList());
            Instant anywhere = start.plusSeconds(random.nextInt(6 * 24 * 3600));
            assertThat(CronTimes.parse(cron, zone).after(anywhere)).as(cron).isEqualTo(expected.higher(anywhere));
        }
    }

    private static Set<Integer> some(Random random, int bound) {
        Set<Integer> numbers = new TreeSet<>();
        for (int count = 1 + random.nextInt(4); count > 0; count--) {
            // The changes are in the small hours.
            numbers.add(random.nextInt(random.nextBoolean() ? bound : Math.min(bound, 4)));
        }
        return numbers;
    }

    private static String list(Set<Integer> numbers) {
        return numbers.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private static Instant wall(LocalDateTime time, ZoneRules rules) {
        List<ZoneOffset> offsets = rules.getValidOffsets(time);
        // In a gap the clock of before, which shows the time as long after the change as it is in the gap.
        return time.toInstant(offsets.isEmpty() ? rules.getTransition(time).getOffsetBefore() : offsets.get(0));
    }

    /** A service that starts in the middle of it, or has just fired. */
    @Test
    void theSearchCanBeginAtAnyMomentOfTheChanges() {
        CronTimes times = CronTimes.parse("0 30 2 * * *", ZoneId.of(BERLIN));
        assertThat(times.after(Instant.parse("2026-03-29T01:00:00Z"))).isEqualTo("2026-03-29T01:30:00Z");
        assertThat(times.after(Instant.parse("2026-03-29T01:29:59Z"))).isEqualTo("2026-03-29T01:30:00Z");
        assertThat(times.after(Instant.parse("2026-03-29T01:30:00Z"))).isEqualTo("2026-03-30T00:30:00Z");
        assertThat(times.after(Instant.parse("2026-10-25T00:30:00Z"))).isEqualTo("2026-10-26T01:30:00Z");
        assertThat(times.after(Instant.parse("2026-10-25T01:15:00Z"))).isEqualTo("2026-10-26T01:30:00Z");
    }

    @Test
    void everyHourIsADistance() {
        for (String day : List.of("2026-03-29", "2026-10-25")) {
            for (String cron : List.of("0 0 * * * *", "@hourly", "0 */10 * * * *", "0 0/10 * * * *")) {
                Duration distance = cron.contains("10") ? Duration.ofMinutes(10) : Duration.ofHours(1);
                Instant start = Instant.parse(day + "T00:00:00Z").minusSeconds(1);
                Stream<Instant> expected = Stream.iterate(start.plusSeconds(1), at -> at.plus(distance))
                        .limit(Duration.ofHours(4).dividedBy(distance));
                assertThat(times(
                                cron,
                                BERLIN,
                                start.toString(),
                                start.plus(Duration.ofHours(4)).toString()))
                        .as(cron)
                        .containsExactlyElementsOf(
                                expected.map(Instant::toString).toList());
            }
        }
    }

    /** The same as without any change for every expression, and never twice or back. */
    @ParameterizedTest
    @ValueSource(strings = {"0 30 2 * * *", "0 0 * * * *", "*/7 59 1-3 * * SUN", "0 0 0 1 * *", "30 0/20 2 L * *"})
    void theTimesOfAZoneWithoutChangesAreThoseOfTheExpression(String cron) {
        assertThat(times(cron, "UTC", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"))
                .isEqualTo(times(cron, "Africa/Abidjan", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"))
                .isNotEmpty()
                .isSorted()
                .doesNotHaveDuplicates();
        for (String around : List.of("2026-03-29", "2026-10-25")) {
            Instant from = Instant.parse(around + "T00:00:00Z").minus(Duration.ofDays(31));
            assertThat(times(
                            cron,
                            BERLIN,
                            from.toString(),
                            from.plus(Duration.ofDays(62)).toString()))
                    .isNotEmpty()
                    .isSorted()
                    .doesNotHaveDuplicates();
        }
    }

    @Test
    void theStartItselfCounts() {
        CronTimes times = CronTimes.parse("0 30 2 * * *", ZoneId.of("UTC"));
        assertThat(times.first(Instant.parse("2026-03-29T02:30:00Z"))).isEqualTo("2026-03-29T02:30:00Z");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0 0 0 30 2 *", "0 30 2", "0 61 2 * * *", "@reboot", "", "0 0 25 * * *"})
    void refusesWhatIsNoTime(String cron) {
        assertThatIllegalArgumentException().isThrownBy(() -> CronTimes.parse(cron, ZoneId.of(BERLIN)));
    }
}
