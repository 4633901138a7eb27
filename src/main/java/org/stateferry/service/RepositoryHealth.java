package org.stateferry.service;

import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.stateferry.installation.OwnedRepository;

/** Whether the job repository answers, and in time. */
final class RepositoryHealth extends AbstractHealthIndicator {
    private final OwnedRepository repository;
    private final PatientLook<Boolean> look;

    RepositoryHealth(OwnedRepository repository) {
        super("The job repository does not answer");
        this.repository = repository;
        this.look = new PatientLook<>("repository", () -> {
            repository.requireAnswer();
            return true;
        });
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) throws Exception {
        builder.up().withDetail("home", repository.home().folder().toString());
        if (look.take().isEmpty()) {
            builder.down()
                    .withDetail(
                            "hangs",
                            "the job repository does not answer within " + PatientLook.PATIENCE.toSeconds() + " s");
        }
    }
}
