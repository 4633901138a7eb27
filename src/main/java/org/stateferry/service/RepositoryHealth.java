package org.stateferry.service;

import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.stateferry.installation.OwnedRepository;

/** Whether the job repository answers and the home can be written to, and in time. */
final class RepositoryHealth extends AbstractHealthIndicator {
    private final OwnedRepository repository;
    private final PatientLook<Boolean> look;

    RepositoryHealth(OwnedRepository repository, Clock clock) {
        super("The job repository does not answer, or the home cannot be written to");
        this.repository = repository;
        this.look = new PatientLook<>("repository", () -> {
            repository.requireAnswer();
            // What has been read before is answered from memory, also while the disk hangs or has become read-only.
            Files.setLastModifiedTime(repository.home().folder(), FileTime.from(clock.instant()));
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
                            "the job repository or the disk of the home does not answer within "
                                    + PatientLook.PATIENCE.toSeconds() + " s");
        }
    }
}
