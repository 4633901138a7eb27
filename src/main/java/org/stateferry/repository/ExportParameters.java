package org.stateferry.repository;

import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.home.StateferryHome;

/**
 * The job parameters of an export. The identifying ones name the image, the snapshot, the file, and by a digest all that tells what
 * is written into it; as for imports a {@code round} goes up when the export before was complete.
 */
public final class ExportParameters {
    /** The name of the job. */
    public static final String JOB = "export";

    private static final String INSTALLATION = "installation";
    private static final String IMAGE = "image";
    private static final String NAME = "name";
    private static final String OUT = "out";
    private static final String CONTENT = "content";
    private static final String ROUND = "round";

    private ExportParameters() {}

    /**
     * The parameters of one round.
     *
     * @param request one into a file
     * @param name the snapshot's name
     * @param identity what tells the bytes that are written
     */
    public static JobParameters of(
            StateferryHome home, ExportRequest request, String name, byte[] identity, long round) {
        Path out = request.out();
        if (out == null) {
            throw new IllegalArgumentException("only an export into a file can be a job");
        }
        return new JobParametersBuilder()
                .addString(INSTALLATION, home.installationId())
                .addString(IMAGE, real(request.image()))
                .addString(NAME, name)
                .addString(OUT, real(out))
                .addString(CONTENT, HexFormat.of().formatHex(identity))
                .addLong(ROUND, round)
                .toJobParameters();
    }

    private static String real(Path path) {
        return path.toAbsolutePath().normalize().toString();
    }

    /** Looks up the latest round of an export. */
    public static Optional<ImportParameters.KnownRound> latestRound(
            JobRepository repository, StateferryHome home, ExportRequest request, String name, byte[] identity) {
        return ImportParameters.latestRound(repository, JOB, round -> of(home, request, name, identity, round));
    }

    /** Whether these are the parameters of an export. */
    static boolean areOfExport(Function<String, @Nullable String> parameters) {
        return parameters.apply(OUT) != null;
    }

    /** The file that is made; a missing value counts as empty. */
    static String out(Function<String, @Nullable String> parameters) {
        String out = parameters.apply(OUT);
        return out == null ? "" : out;
    }

    /** The export with this ID; empty if there is none, or if it is one of another home that uses the same database. */
    static Optional<JobInstance> lookUp(JobRepository repository, StateferryHome home, long id) {
        JobInstance instance = repository.getJobInstance(id);
        if (instance == null || !instance.getJobName().equals(JOB)) {
            return Optional.empty();
        }
        JobExecution last = repository.getLastJobExecution(instance);
        return last != null
                        && home.installationId().equals(last.getJobParameters().getString(INSTALLATION))
                ? Optional.of(instance)
                : Optional.empty();
    }
}
