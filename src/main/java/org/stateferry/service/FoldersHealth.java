package org.stateferry.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.util.unit.DataSize;

/** Whether the folders of the home and of the definitions' images are there and have room left. */
final class FoldersHealth extends AbstractHealthIndicator {
    private final PatientLook<Health> look = new PatientLook<>("folders", this::lookAtAll);
    private final Path home;
    private final ImportSchedule schedule;
    private final DataSize reserve;

    /** @param reserve how much room each must have */
    FoldersHealth(Path home, ImportSchedule schedule, DataSize reserve) {
        super("A folder cannot be looked at");
        this.home = home;
        this.schedule = schedule;
        this.reserve = reserve;
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) throws Exception {
        Optional<Health> found = look.take();
        if (found.isPresent()) {
            builder.status(found.get().getStatus()).withDetails(found.get().getDetails());
        } else {
            builder.down()
                    .withDetail("hangs", "a disk does not answer within " + PatientLook.PATIENCE.toSeconds() + " s");
        }
    }

    private Health lookAtAll() throws IOException {
        Health.Builder builder = Health.up();
        for (Path folder : folders()) {
            if (!Files.isDirectory(folder)) {
                builder.down().withDetail(folder.toString(), "is not there");
                continue;
            }
            long room = Files.getFileStore(folder).getUsableSpace();
            builder.withDetail(folder.toString(), room);
            if (room < reserve.toBytes()) {
                builder.down().withDetail("tooLittleRoom", folder.toString());
            }
        }
        return builder.build();
    }

    private Set<Path> folders() {
        Set<Path> folders = new LinkedHashSet<>();
        folders.add(home);
        for (ScheduledImport scheduled : schedule.imports()) {
            if (scheduled.definition().enabled()) {
                scheduled.definition().image().folder().ifPresent(folders::add);
            }
        }
        return folders;
    }
}
