package org.stateferry.service;

import java.util.List;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;

/**
 * Whether every definition fires when it should. Whether its imports succeed is another matter.
 *
 * @param definitions whom to ask
 */
record DefinitionsHealth(Definitions definitions) implements HealthIndicator {
    @Override
    public Health health() {
        List<String> overdue = definitions.overdue();
        return overdue.isEmpty()
                ? Health.up().build()
                : Health.down().withDetail("overdue", overdue).build();
    }
}
