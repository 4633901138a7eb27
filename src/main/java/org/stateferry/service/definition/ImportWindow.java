package org.stateferry.service.definition;

import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import org.jspecify.annotations.Nullable;

/**
 * The hours of every day in which imports may run, by the clock of a time zone. A time that is skipped when clocks go forward
 * counts as that much later.
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

    /** Reads {@code window}; null if there is none, or, beside a mistake, if it is not valid. */
    public static @Nullable ImportWindow read(DefinitionFields fields) {
        if (!fields.has("window.from")) {
            return null;
        }
        ZoneId zone = fields.read("window.zone", ZoneId.of("UTC"), ZoneId::of);
        LocalTime from = fields.read("window.from", LocalTime::parse);
        if (from == null) {
            fields.require("window.to", LocalTime::parse); // else it would be told as an unknown field
            return null;
        }
        return fields.require("window.to", text -> new ImportWindow(from, LocalTime.parse(text), zone));
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
