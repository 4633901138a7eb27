package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.springframework.scheduling.support.CronExpression;

/**
 * The times of a cron expression in a time zone, across daylight-saving changes.
 *
 * <ul>
 *   <li>With hours in the expression they are times that a clock on the wall shows, and each comes once a day. One that is
 *       left out as clocks go forward comes as much later as they are put forward (02:30 becomes 03:30); of one that is there
 *       twice as they go back, the first counts.
 *   <li>With {@code *} for the hour nobody means a time of the day but a distance, and the times go on through both changes
 *       at that distance.
 * </ul>
 */
final class CronTimes implements FiringTimes {
    /** A clock that was wrong by more was never right; summer time and time zones are no matter here. */
    private static final Duration KEPT_WHEN_SET_BACK = Duration.ofHours(3);

    private static final LocalDateTime SOME_DAY = LocalDateTime.of(2024, 1, 1, 0, 0);
    private static final int HOUR = 2;

    private final CronExpression expression;
    private final ZoneId zone;
    private final boolean everyHour;

    private CronTimes(CronExpression expression, ZoneId zone, boolean everyHour) {
        this.expression = expression;
        this.zone = zone;
        this.everyHour = everyHour;
    }

    /**
     * Reads an expression of six fields, or one such as {@code @daily}.
     *
     * @throws IllegalArgumentException if it is not valid, or never comes true
     */
    static CronTimes parse(String text, ZoneId zone) {
        CronExpression expression = CronExpression.parse(text);
        if (expression.next(SOME_DAY) == null) {
            throw new IllegalArgumentException("'" + text + "' never comes true");
        }
        String[] fields = text.strip().toLowerCase(Locale.ROOT).split("\\s+");
        boolean everyHour = fields.length > HOUR ? fields[HOUR].equals("*") : fields[0].equals("@hourly");
        return new CronTimes(expression, zone, everyHour);
    }

    @Override
    public Instant first(Instant start) {
        return after(start.minusNanos(1));
    }

    @Override
    public Instant after(Instant time) {
        return everyHour ? nextByDistance(time) : nextOnTheWall(time);
    }

    @Override
    public boolean areOnTheClock() {
        return true;
    }

    @Override
    public Duration keptWhenSetBack() {
        return KEPT_WHEN_SET_BACK;
    }

    private Instant nextOnTheWall(Instant time) {
        @Nullable LocalDateTime local = beginOfSearch(time);
        Instant earliest = Instant.MAX;
        while (true) {
            local = expression.next(local);
            if (local == null) {
                return earliest;
            }
            // Of two instants the earlier one; one that does not exist is moved by the length of the gap.
            Instant at = ZonedDateTime.ofLocal(local, zone, null).toInstant();
            if (at.isAfter(time)) {
                earliest = at.isBefore(earliest) ? at : earliest;
                // What is moved may come behind what the wall shows later: a gap can be shorter than the distance of
                // two times.
                if (!zone.getRules().getValidOffsets(local).isEmpty()) {
                    return earliest;
                }
            }
        }
    }

    /** Shortly after clocks went forward, times that were left out are still to come. */
    private LocalDateTime beginOfSearch(Instant time) {
        @Nullable ZoneOffsetTransition last = zone.getRules().previousTransition(time.plusNanos(1));
        return last != null && last.isGap() && time.isBefore(last.getInstant().plus(last.getDuration()))
                ? last.getDateTimeBefore().minusNanos(1)
                : LocalDateTime.ofInstant(time, zone);
    }

    private Instant nextByDistance(Instant time) {
        ZoneRules rules = zone.getRules();
        ZoneOffset offset = rules.getOffset(time);
        LocalDateTime from = LocalDateTime.ofInstant(time, offset);
        @Nullable ZoneOffsetTransition change = rules.nextTransition(time);
        while (true) {
            @Nullable LocalDateTime next = expression.next(from);
            if (next == null) {
                return Instant.MAX;
            }
            Instant at = next.toInstant(offset);
            if (change == null || at.isBefore(change.getInstant())) {
                return at;
            }
            offset = change.getOffsetAfter();
            from = change.getDateTimeAfter().minusNanos(1);
            change = rules.nextTransition(change.getInstant());
        }
    }
}
