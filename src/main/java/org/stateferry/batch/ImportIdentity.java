package org.stateferry.batch;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.OpenImages;

/**
 * What makes two runs the same import: all but the round, which tells apart imports that the image has forgotten.
 *
 * @param installationId the home's id
 * @param image the image's real path
 * @param dump the dump's real path
 * @param name the snapshot's name
 * @param fingerprint the dump's fingerprint as text
 * @param otherDisks the real paths of the other disks, in whatever order; kept sorted
 */
record ImportIdentity(
        String installationId, Path image, Path dump, String name, String fingerprint, List<Path> otherDisks) {
    /** The first round of any import. */
    static final long FIRST_ROUND = 1;

    ImportIdentity {
        otherDisks = otherDisks.stream().sorted().toList();
    }

    /** That of an import into one image. */
    ImportIdentity(String installationId, Path image, Path dump, String name, String fingerprint) {
        this(installationId, image, dump, name, fingerprint, List.of());
    }

    /**
     * The latest round of an import that the repository knows.
     *
     * @param round its number, from {@link #FIRST_ROUND}
     * @param instanceId the job instance's id
     * @param lastStatus the last execution's status, or null if a crash left the instance without one
     */
    record KnownRound(long round, long instanceId, @Nullable BatchStatus lastStatus) {}

    /** The identity of what is asked for, in this home; {@code image} is the image's real path. */
    static ImportIdentity of(StateferryHome home, ImportRequest request, Path image, DumpSource dump)
            throws StateferryException {
        List<Path> otherDisks = new ArrayList<>();
        for (Path disk : request.otherDisks()) {
            otherDisks.add(OpenImages.realPath(disk));
        }
        return new ImportIdentity(
                home.installationId(),
                image,
                dump.path(),
                request.name(),
                dump.fingerprint().text(),
                otherDisks);
    }

    /** The identity that these identifying job parameters make. */
    static ImportIdentity of(Function<String, @Nullable String> parameters) {
        return new ImportIdentity(
                text(parameters, JobParameterNames.INSTALLATION),
                Path.of(text(parameters, JobParameterNames.IMAGE)),
                Path.of(text(parameters, JobParameterNames.DUMP)),
                text(parameters, JobParameterNames.NAME),
                text(parameters, JobParameterNames.FINGERPRINT),
                otherDisks(parameters));
    }

    private static List<Path> otherDisks(Function<String, @Nullable String> parameters) {
        List<Path> disks = new ArrayList<>();
        for (int index = 0; index < ImportRequest.OTHER_DISKS_MAX; index++) {
            @Nullable String path = parameters.apply(JobParameterNames.otherDisk(index));
            if (path != null) {
                disks.add(Path.of(path));
            }
        }
        return disks;
    }

    private static String text(Function<String, @Nullable String> parameters, String name) {
        @Nullable String value = parameters.apply(name);
        return value == null ? "" : value;
    }

    /** The identifying job parameters of one round. */
    JobParameters parameters(long round) {
        JobParametersBuilder parameters = new JobParametersBuilder()
                .addString(JobParameterNames.INSTALLATION, installationId)
                .addString(JobParameterNames.IMAGE, image.toString())
                .addString(JobParameterNames.DUMP, dump.toString())
                .addString(JobParameterNames.NAME, name)
                .addString(JobParameterNames.FINGERPRINT, fingerprint)
                .addLong(JobParameterNames.ROUND, round);
        for (int index = 0; index < otherDisks.size(); index++) {
            parameters.addString(
                    JobParameterNames.otherDisk(index), otherDisks.get(index).toString());
        }
        return parameters.toJobParameters();
    }

    /** Looks up the latest round; rounds are counted without gaps. */
    Optional<KnownRound> latest(JobRepository repository) {
        Optional<KnownRound> latest = Optional.empty();
        long round = FIRST_ROUND;
        @Nullable JobInstance instance = instance(repository, round);
        while (instance != null) {
            latest = Optional.of(new KnownRound(round, instance.getId(), null));
            round++;
            instance = instance(repository, round);
        }
        return latest.map(known -> withStatus(repository, known));
    }

    private @Nullable JobInstance instance(JobRepository repository, long round) {
        return repository.getJobInstance(JobParameterNames.JOB, parameters(round));
    }

    private static KnownRound withStatus(JobRepository repository, KnownRound known) {
        JobInstance instance = new JobInstance(known.instanceId(), JobParameterNames.JOB);
        @Nullable JobExecution last = repository.getLastJobExecution(instance);
        return new KnownRound(known.round(), known.instanceId(), last == null ? null : last.getStatus());
    }
}
