package org.stateferry.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.util.unit.DataSize;

/**
 * Whether the folders of the home and of the definitions' images are there and have room left. A thread of its own looks, so that a
 * disk that hangs keeps none of the few threads that answer requests.
 */
final class FoldersHealth extends AbstractHealthIndicator {
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final ExecutorService looker = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "folders");
        thread.setDaemon(true);
        return thread;
    });
    private final AtomicReference<@Nullable Future<Health>> look = new AtomicReference<>();
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
        Future<Health> current = Objects.requireNonNull(
                look.updateAndGet(last -> last == null || last.isDone() ? looker.submit(this::lookAtAll) : last));
        try {
            Health found = current.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            builder.status(found.getStatus()).withDetails(found.getDetails());
        } catch (TimeoutException e) {
            builder.down().withDetail("hangs", "a disk does not answer within " + PATIENCE.toSeconds() + " s");
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
