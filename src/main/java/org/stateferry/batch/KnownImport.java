package org.stateferry.batch;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.NewImage;
import org.stateferry.source.DumpFormat;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImages.Locking;

/**
 * An import of this home that the repository knows by its ID.
 *
 * @param instance the job instance; its ID is the import's
 * @param last the last attempt
 * @param identity what makes it this import
 * @param round its round
 */
record KnownImport(JobInstance instance, JobExecution last, ImportIdentity identity, long round) {

    /** @throws StateferryException of kind {@link FailureKind#USAGE} if this home has no such import */
    static KnownImport find(JobRepository repository, StateferryHome home, long id) throws StateferryException {
        return lookUp(repository, home, id).orElseThrow(() -> ImportHistory.unknown(id));
    }

    /** The import with this ID; empty if there is none, or if it is one of another home that uses the same database. */
    static Optional<KnownImport> lookUp(JobRepository repository, StateferryHome home, long id) {
        @Nullable JobInstance instance = repository.getJobInstance(id);
        if (instance == null || !instance.getJobName().equals(JobParameterNames.JOB)) {
            return Optional.empty();
        }
        @Nullable JobExecution last = repository.getLastJobExecution(instance);
        if (last == null) {
            return Optional.empty();
        }
        ImportIdentity identity = ImportIdentity.of(last.getJobParameters()::getString);
        return identity.installationId().equals(home.installationId())
                ? Optional.of(new KnownImport(
                        instance, last, identity, number(last.getJobParameters(), JobParameterNames.ROUND)))
                : Optional.empty();
    }

    /** {@code identity} with the options of one attempt. */
    static JobParameters withOptions(JobParameters identity, ImportOptions options) {
        return new JobParametersBuilder(identity)
                .addString(JobParameterNames.FORMAT, options.format().name(), false)
                .addString(JobParameterNames.IO, options.io().name(), false)
                .addString(JobParameterNames.COMPRESSION, options.compression().name(), false)
                .addString(JobParameterNames.STRICT, String.valueOf(options.strict()), false)
                .addString(JobParameterNames.ALLOW_BITMAPS, String.valueOf(options.allowBitmaps()), false)
                .addString(JobParameterNames.LOCK, String.valueOf(options.lock()), false)
                .addString(JobParameterNames.VERIFY, String.valueOf(options.verify()), false)
                .addLong(JobParameterNames.LIMIT_BYTES_PER_SECOND, options.limitBytesPerSecond(), false)
                .toJobParameters();
    }

    /** Adds what the image is to be like if it is to be made. That does not make another import of it. */
    static JobParameters withNewImage(JobParameters parameters, @Nullable NewImage newImage) {
        return newImage == null
                ? parameters
                : new JobParametersBuilder(parameters)
                        .addLong(JobParameterNames.CREATE_SIZE, newImage.size(), false)
                        .addLong(JobParameterNames.CREATE_CLUSTER_SIZE, (long) newImage.clusterSize(), false)
                        .toJobParameters();
    }

    private static @Nullable NewImage newImage(JobParameters parameters) {
        @Nullable Long size = parameters.getLong(JobParameterNames.CREATE_SIZE);
        return size == null ? null : NewImage.of(size, number(parameters, JobParameterNames.CREATE_CLUSTER_SIZE));
    }

    long id() {
        return instance.getId();
    }

    /** What the last attempt was asked for. */
    ImportRequest request() {
        JobParameters parameters = last.getJobParameters();
        ImportOptions absent = ImportOptions.DEFAULTS;
        ImportOptions options = new ImportOptions(
                DumpFormat.valueOf(text(
                        parameters, JobParameterNames.FORMAT, absent.format().name())),
                IoMode.valueOf(
                        text(parameters, JobParameterNames.IO, absent.io().name())),
                Compression.valueOf(text(
                        parameters,
                        JobParameterNames.COMPRESSION,
                        absent.compression().name())),
                isSet(parameters, JobParameterNames.STRICT, absent.strict()),
                isSet(parameters, JobParameterNames.ALLOW_BITMAPS, absent.allowBitmaps()),
                isSet(parameters, JobParameterNames.LOCK, absent.lock()),
                isSet(parameters, JobParameterNames.VERIFY, absent.verify()),
                number(parameters, JobParameterNames.LIMIT_BYTES_PER_SECOND));
        return new ImportRequest(
                identity.dump(),
                identity.image(),
                identity.name(),
                identity.otherDisks(),
                newImage(parameters),
                options);
    }

    /** How the last attempt was to lock its images. */
    Locking locking() {
        return request().options().locking();
    }

    /** Refuses files that would make another import of a restart. */
    void requireSame(ImportIdentity now) throws StateferryException {
        if (now.equals(identity)) {
            return;
        }
        if (!now.dump().equals(identity.dump())
                || !now.image().equals(identity.image())
                || !now.otherDisks().equals(identity.otherDisks())) {
            throw StateferryException.of(
                            FailureKind.CONFLICT,
                            "import " + id() + " is one of " + identity.dump() + " into " + identity.image()
                                    + ", and a link leads elsewhere now")
                    .advise("Run stateferry import with the files that are meant.");
        }
        throw StateferryException.in(
                        FailureKind.DUMP_INVALID,
                        identity.dump(),
                        "the dump has changed since import " + id() + " began")
                .advise("Run stateferry import to import it as it is now, under an ID of its own.");
    }

    /** Refuses a restart of what is over, as it would be the start of another import. */
    void requireUnended() throws StateferryException {
        if (ImportRecovery.isFinal(last.getStatus())) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            identity.image(),
                            "import " + id() + " is " + last.getStatus() + ", and "
                                    + (identity.otherDisks().isEmpty()
                                            ? "the image does not hold its snapshot"
                                            : "not all of its images hold its snapshot"))
                    .advise("Run stateferry import to import the dump once more, under an ID of its own.");
        }
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
}
