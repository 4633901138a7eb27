package org.stateferry.service;

import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.stateferry.installation.OwnedRepository;

/** Whether the job repository answers. */
final class RepositoryHealth extends AbstractHealthIndicator {
    private final OwnedRepository repository;

    RepositoryHealth(OwnedRepository repository) {
        super("The job repository does not answer");
        this.repository = repository;
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) {
        repository.requireAnswer();
        builder.up().withDetail("home", repository.home().folder().toString());
    }
}
