package org.stateferry.service;

import java.time.Duration;
import java.time.ZoneId;
import org.jspecify.annotations.Nullable;
import org.stateferry.service.definition.DefinitionFields;
import org.stateferry.service.definition.FieldValues;

/**
 * When a definition fires, or when its snapshots are read back.
 *
 * @param text what the operator wrote, for people
 * @param times when it is due, or null if only on demand
 * @param jitter each firing comes later by up to so much
 * @param catchUp whether a firing is made up for that was missed while the service did not run
 * @param zone that of its times of the day
 */
record Schedule(String text, @Nullable FiringTimes times, Duration jitter, boolean catchUp, ZoneId zone) {
    private static final ZoneId UTC = ZoneId.of("UTC");
    private static final Duration LONGEST_JITTER = Duration.ofHours(24);

    static final Schedule ON_DEMAND = new Schedule("on demand", null, Duration.ZERO, false, UTC);

    /**
     * Reads a schedule.
     *
     * @param key what all of its fields begin with
     */
    static Schedule read(DefinitionFields fields, String key) {
        boolean byClock = fields.has(key + ".cron");
        boolean byPeriod = fields.has(key + ".every");
        if (!byClock && !byPeriod) {
            return ON_DEMAND; // anything else about a schedule is then a field that nobody takes
        }
        if (byClock && byPeriod) {
            fields.mistake("exactly one of '" + key + ".cron' and '" + key + ".every' is expected");
        }
        Duration jitter = fields.read(
                key + ".jitter", Duration.ZERO, text -> FieldValues.duration(text, Duration.ZERO, LONGEST_JITTER));
        Schedule everySoOften = fields.read(
                key + ".every",
                ON_DEMAND,
                text -> new Schedule("every " + text, new PeriodTimes(FieldValues.period(text)), jitter, false, UTC));
        if (!byClock) {
            return everySoOften;
        }
        ZoneId zone = fields.read(key + ".zone", UTC, ZoneId::of);
        boolean catchUp = fields.flag(key + ".catch-up");
        return fields.read(
                key + ".cron",
                ON_DEMAND,
                text -> new Schedule(text + " (" + zone + ")", CronTimes.parse(text, zone), jitter, catchUp, zone));
    }

    @Override
    public String toString() {
        return text;
    }
}
