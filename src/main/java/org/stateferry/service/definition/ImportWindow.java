package org.stateferry.service.definition;

import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;

/**
 * The hours of every day in which imports may run. It opens and closes when a clock on the wall shows so; a time that is left
 * out as clocks go forward comes as much later.
 *
 * @param from when it opens
 * @param to when it closes; before {@code from} if midnight lies between them
 * @param zone where the clock hangs
 */
public record ImportWindow(LocalTime from, LocalTime to, ZoneId zone) {
    /** @throws IllegalArgumentException if it opens and closes at the same time */
    public ImportWindow {
        if (from.equals(to)) {
            throw new IllegalArgumentException("it opens and closes at the same time");
        }
    }

    /** Whether imports may run. */
    public boolean isOpen(Instant now) {
        LocalTime time = LocalTime.ofInstant(now, zone);
        boolean begun = !time.isBefore(from);
        boolean over = !time.isBefore(to);
        return from.isBefore(to) ? begun && !over : begun || !over;
    }

    /** When it opens next, after {@code now}. */
    public Instant nextOpening(Instant now) {
        ZonedDateTime today = now.atZone(zone);
        for (int day = 0; ; day++) {
            Instant opening = ZonedDateTime.of(today.toLocalDate().plusDays(day), from, zone)
                    .toInstant();
            if (opening.isAfter(now)) {
                return opening;
            }
        }
    }

    @Override
    public String toString() {
        return "from " + from + " to " + to + " (" + zone + ")";
    }
}
