package org.stateferry.service;

import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.stateferry.error.ForeignText;

/**
 * How each definition's last firing ended, and which of its dumps fail. A failed import does not make the service unhealthy: a
 * restart of the service would not help it, and alerts belong on the metrics.
 *
 * @param schedule the definitions' imports
 */
record ImportsHealth(ImportSchedule schedule) implements HealthIndicator {
    @Override
    public Health health() {
        Health.Builder health = schedule.isRunning() ? Health.up() : Health.down();
        schedule.imports()
                .forEach(scheduled -> health.withDetail(
                        ForeignText.escape(scheduled.definition().job()), details(scheduled)));
        return health.build();
    }

    private static Map<String, Object> details(ScheduledImport scheduled) {
        Map<String, Object> details = new LinkedHashMap<>();
        details.put(
                "schedule", ForeignText.escape(scheduled.definition().schedule().text()));
        scheduled.lastRun().ifPresent(run -> {
            details.put("outcome", run.ending().tag());
            details.put("ended", run.at().toString());
            details.put("message", ForeignText.escape(run.message()));
        });
        Map<String, String> failing = new LinkedHashMap<>();
        scheduled
                .failures()
                .forEach((dump, reason) -> failing.put(ForeignText.escape(dump), ForeignText.escape(reason)));
        if (!failing.isEmpty()) {
            details.put("failing", failing);
        }
        int damaged = scheduled.care().damagedCount();
        if (damaged > 0) {
            details.put("damagedSnapshots", damaged);
        }
        return details;
    }
}
