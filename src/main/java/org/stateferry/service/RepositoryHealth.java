package org.stateferry.service;

import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.stateferry.batch.BatchContext;
import org.stateferry.home.StateferryHome;

/** Whether the job repository answers. */
final class RepositoryHealth extends AbstractHealthIndicator {
    private final StateferryHome home;
    private final BatchContext repository;

    RepositoryHealth(StateferryHome home, BatchContext repository) {
        super("The job repository does not answer");
        this.home = home;
        this.repository = repository;
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) {
        builder.up()
                .withDetail("home", home.folder().toString())
                .withDetail("jobs", repository.jobRepository().getJobNames());
    }
}
