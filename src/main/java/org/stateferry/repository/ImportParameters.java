package org.stateferry.repository;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportRequest;
import org.stateferry.qcow2.NewImage;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.RamLayout;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.IoMode;

/**
 * The job parameters. The identifying ones together name one import (one job instance): no clock and no counter is among
 * them except {@link #ROUND}, which goes up when a completed import's snapshot is no longer in the image, and after an
 * import was abandoned. The others are the options of one attempt, kept so that a restart can go by them.
 */
public final class ImportParameters {
    /** The first round of any import. */
    public static final long FIRST_ROUND = 1;

    /** The name of the job. */
    public static final String JOB = "import";

    private static final String INSTALLATION = "installation";
    private static final String IMAGE = "image";
    private static final String DUMP = "dump";
    private static final String NAME = "name";
    private static final String FINGERPRINT = "fingerprint";
    private static final String ROUND = "round";

    /** Whether the snapshot is there already and is given its state. */
    private static final String INTO = "into";

    private static final String FORMAT = "format";
    private static final String OFFSET = "offset";
    private static final String RAM_LAYOUT = "ramLayout";
    /** Id strings, one in a line; they have no control characters. */
    private static final String DROP_SECTIONS = "dropSections";
    /** The snapshot of the image that the dump's path names; absent if the dump is the file. */
    private static final String FROM_SNAPSHOT = "fromSnapshot";

    private static final String IO = "io";
    private static final String COMPRESSION = "compression";
    private static final String STRICT = "strict";
    private static final String ALLOW_BITMAPS = "allowBitmaps";
    private static final String LOCK = "lock";
    private static final String VERIFY = "verify";
    private static final String LIMIT_BYTES_PER_SECOND = "limitBytesPerSecond";

    /** Virtual size of an image to be made, in bytes; absent if the image must exist. */
    private static final String CREATE_SIZE = "createSize";

    private static final String CREATE_CLUSTER_SIZE = "createClusterSize";
    /** Permissions of that image; absent if they follow from the dump's. */
    private static final String CREATE_MODE = "createMode";
    /** The owner of that image; absent if it is the user who runs the import. */
    private static final String CREATE_OWNER = "createOwner";

    private ImportParameters() {}

    /** One parameter for each other disk, as the value of one has room for few paths. */
    private static String otherDisk(int index) {
        return "otherDisk" + index;
    }

    /**
     * The latest round of an import that the repository has a record of.
     *
     * @param round its number, from {@link #FIRST_ROUND}
     * @param instanceId the job instance's id
     * @param lastStatus the last execution's status, or null if a crash left the instance without one
     */
    public record KnownRound(
            long round, long instanceId, @Nullable BatchStatus lastStatus) {
        /** Whether this round can never be started again. */
        public boolean isOver() {
            return ImportRecovery.isFinal(lastStatus);
        }
    }

    /** All parameters of one attempt. */
    public static JobParameters of(ImportIdentity identity, long round, ImportRequest request) {
        JobParametersBuilder attempt = new JobParametersBuilder(identifying(identity, round))
                .addString(INTO, String.valueOf(request.into()), false);
        String fromSnapshot = request.options().choice().fromSnapshot();
        if (fromSnapshot != null) {
            attempt.addString(FROM_SNAPSHOT, fromSnapshot, false);
        }
        return withOptions(withNewImage(attempt.toJobParameters(), request.newImage()), request.options());
    }

    /** The identifying parameters of one round. */
    public static JobParameters identifying(ImportIdentity identity, long round) {
        JobParametersBuilder parameters = new JobParametersBuilder()
                .addString(INSTALLATION, identity.installationId())
                .addString(IMAGE, identity.image().toString())
                .addString(DUMP, identity.dump().toString())
                .addString(NAME, identity.name())
                .addString(FINGERPRINT, identity.fingerprint())
                .addLong(ROUND, round);
        for (int index = 0; index < identity.otherDisks().size(); index++) {
            parameters.addString(
                    otherDisk(index), identity.otherDisks().get(index).toString());
        }
        return parameters.toJobParameters();
    }

    private static JobParameters withOptions(JobParameters identity, ImportOptions options) {
        return new JobParametersBuilder(identity)
                .addString(FORMAT, options.choice().format().name(), false)
                .addLong(OFFSET, options.choice().offset(), false)
                .addString(RAM_LAYOUT, options.choice().ramLayout().name(), false)
                .addString(DROP_SECTIONS, String.join("\n", options.choice().dropSections()), false)
                .addString(IO, options.io().name(), false)
                .addString(COMPRESSION, options.compression().name(), false)
                .addString(STRICT, String.valueOf(options.strict()), false)
                .addString(ALLOW_BITMAPS, String.valueOf(options.allowBitmaps()), false)
                .addString(LOCK, String.valueOf(options.lock()), false)
                .addString(VERIFY, String.valueOf(options.verify()), false)
                .addLong(LIMIT_BYTES_PER_SECOND, options.limitBytesPerSecond(), false)
                .toJobParameters();
    }

    /** What the image is to be like if it is to be made does not make another import of it. */
    private static JobParameters withNewImage(JobParameters parameters, @Nullable NewImage newImage) {
        if (newImage == null) {
            return parameters;
        }
        JobParametersBuilder all = new JobParametersBuilder(parameters)
                .addLong(CREATE_SIZE, newImage.size(), false)
                .addLong(CREATE_CLUSTER_SIZE, (long) newImage.clusterSize(), false);
        Integer mode = newImage.rights().mode();
        String owner = newImage.rights().owner();
        if (mode != null) {
            all.addLong(CREATE_MODE, mode.longValue(), false);
        }
        if (owner != null) {
            all.addString(CREATE_OWNER, owner, false);
        }
        return all.toJobParameters();
    }

    /** The identity that the values of identifying parameters make; a missing one counts as empty. */
    static ImportIdentity identity(Function<String, @Nullable String> parameters) {
        return new ImportIdentity(
                text(parameters, INSTALLATION),
                Path.of(text(parameters, IMAGE)),
                Path.of(text(parameters, DUMP)),
                text(parameters, NAME),
                text(parameters, FINGERPRINT),
                otherDisks(parameters));
    }

    private static List<Path> otherDisks(Function<String, @Nullable String> parameters) {
        List<Path> disks = new ArrayList<>();
        for (int index = 0; index < ImportRequest.OTHER_DISKS_MAX; index++) {
            @Nullable String path = parameters.apply(otherDisk(index));
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

    /** The identifying parameters of another round of an import or export, from those of one as they are stored. */
    static JobParameters ofRound(Map<String, String> identifying, long round) {
        JobParametersBuilder parameters = new JobParametersBuilder();
        identifying.forEach(parameters::addString);
        return parameters.addLong(ROUND, round).toJobParameters();
    }

    /** The round that these are of; {@link #FIRST_ROUND} if they do not tell. */
    static long round(Map<String, String> identifying) {
        try {
            return Long.parseLong(identifying.getOrDefault(ROUND, String.valueOf(FIRST_ROUND)));
        } catch (NumberFormatException e) {
            return FIRST_ROUND;
        }
    }

    /** The round that these parameters are of. */
    static long round(JobParameters parameters) {
        return number(parameters, ROUND);
    }

    /** What the attempt with these parameters was asked for. */
    static ImportRequest request(JobParameters parameters) {
        ImportIdentity identity = identity(parameters::getString);
        ImportOptions absent = ImportOptions.DEFAULTS;
        ImportOptions options = new ImportOptions(
                choice(parameters, absent.choice()),
                IoMode.valueOf(text(parameters, IO, absent.io().name())),
                Compression.valueOf(
                        text(parameters, COMPRESSION, absent.compression().name())),
                isSet(parameters, STRICT, absent.strict()),
                isSet(parameters, ALLOW_BITMAPS, absent.allowBitmaps()),
                isSet(parameters, LOCK, absent.lock()),
                isSet(parameters, VERIFY, absent.verify()),
                number(parameters, LIMIT_BYTES_PER_SECOND));
        return new ImportRequest(
                identity.dump(),
                identity.image(),
                identity.name(),
                isSet(parameters, INTO, false),
                identity.otherDisks(),
                newImage(parameters),
                options);
    }

    private static DumpChoice choice(JobParameters parameters, DumpChoice absent) {
        String dropped = text(parameters, DROP_SECTIONS, "");
        return new DumpChoice(
                DumpFormat.valueOf(text(parameters, FORMAT, absent.format().name())),
                number(parameters, OFFSET),
                RamLayout.valueOf(
                        text(parameters, RAM_LAYOUT, absent.ramLayout().name())),
                dropped.isEmpty() ? absent.dropSections() : List.of(dropped.split("\n")),
                parameters.getString(FROM_SNAPSHOT));
    }

    private static @Nullable NewImage newImage(JobParameters parameters) {
        @Nullable Long size = parameters.getLong(CREATE_SIZE);
        @Nullable Long mode = parameters.getLong(CREATE_MODE);
        return size == null
                ? null
                : NewImage.of(
                        size,
                        number(parameters, CREATE_CLUSTER_SIZE),
                        new ImageRights(mode == null ? null : mode.intValue(), parameters.getString(CREATE_OWNER)));
    }

    private static boolean isSet(JobParameters parameters, String name, boolean absent) {
        return Boolean.parseBoolean(text(parameters, name, String.valueOf(absent)));
    }

    private static String text(JobParameters parameters, String name, String absent) {
        @Nullable String value = parameters.getString(name);
        return value == null ? absent : value;
    }

    private static long number(JobParameters parameters, String name) {
        @Nullable Long value = parameters.getLong(name);
        return value == null ? 0 : value;
    }

    /**
     * Looks up the latest round of an import. Rounds are counted without gaps, so with {@code n} of them about
     * {@code 2 log n} are asked for: a dump that comes anew into a fresh image each night has thousands.
     */
    public static Optional<KnownRound> latestRound(JobRepository repository, ImportIdentity identity) {
        return latestRound(repository, JOB, round -> identifying(identity, round));
    }

    /** The same of any job, of which {@code parameters} tells those of a round. */
    static Optional<KnownRound> latestRound(
            JobRepository repository, String job, LongFunction<JobParameters> parameters) {
        @Nullable JobInstance latest = null;
        long known = FIRST_ROUND - 1;
        long step = 1;
        // Each step is twice the last one, until it leads beyond the latest; then each is half, down to one.
        boolean beyond = false;
        while (step > 0) {
            @Nullable JobInstance instance = repository.getJobInstance(job, parameters.apply(known + step));
            if (instance != null) {
                latest = instance;
                known += step;
            } else {
                beyond = true;
            }
            step = beyond ? step / 2 : step * 2;
        }
        return latest == null
                ? Optional.empty()
                : Optional.of(withStatus(repository, job, new KnownRound(known, latest.getId(), null)));
    }

    private static KnownRound withStatus(JobRepository repository, String job, KnownRound known) {
        @Nullable JobExecution last = repository.getLastJobExecution(new JobInstance(known.instanceId(), job));
        return new KnownRound(known.round(), known.instanceId(), last == null ? null : last.getStatus());
    }
}
