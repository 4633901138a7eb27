package org.stateferry.repository;

import java.sql.SQLException;
import java.util.Optional;
import java.util.stream.Stream;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.exception.FlywayValidateException;
import org.jspecify.annotations.Nullable;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.core.env.Environment;
import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionException;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;

/** Says in the operator's terms why the job repository cannot be used. */
public final class RepositoryFailure {
    /** H2's error code {@code DATABASE_ALREADY_OPEN_1}. */
    private static final int H2_ALREADY_OPEN = 90020;

    /** H2's error code {@code OUT_OF_MEMORY}. */
    private static final int H2_OUT_OF_MEMORY = 90108;

    private static final int MESSAGE_LENGTH_MAX = 300;

    private RepositoryFailure() {}

    /** Whether {@code failure} comes from the repository's database. */
    public static boolean isOfDatabase(Throwable failure) {
        return causes(failure)
                .anyMatch(cause -> cause instanceof SQLException
                        || cause instanceof FlywayException
                        || cause instanceof DataAccessException
                        || cause instanceof TransactionException
                        || cause.getClass().getName().startsWith("org.h2."));
    }

    /**
     * @param failure why a context did not start, or what a call of the repository threw
     * @param environment the context's settings, or null if they could not even be read
     */
    public static StateferryException explain(
            Throwable failure, StateferryHome home, @Nullable Environment environment) {
        if (isOutOfMemory(failure)) {
            return outOfMemory(failure);
        }
        if (causes(failure).anyMatch(FlywayValidateException.class::isInstance)) {
            return StateferryException.of(
                            FailureKind.REPOSITORY,
                            "the job repository's schema is not one of this version of the program")
                    .causedBy(failure)
                    .advise("Use the version that was used last, or the home as it was copied before the upgrade; "
                            + home.logFile() + " says more.");
        }
        String message = firstLine(NestedExceptionUtils.getMostSpecificCause(failure));
        if (environment == null || !isOfDatabase(failure)) {
            return StateferryException.in(
                            FailureKind.CONFIGURATION,
                            home.settingsFile(),
                            "the job repository cannot be set up: " + message)
                    .causedBy(failure)
                    .advise("Check this file, and the environment variables that begin with SPRING_; the log is "
                            + home.logFile() + ".");
        }
        String url = environment.getProperty("spring.datasource.url", "");
        if (url.startsWith("jdbc:h2:file:" + home.repositoryDatabase())) {
            return ofDefaultFile(failure, home, message);
        }
        return StateferryException.of(
                        FailureKind.REPOSITORY, "job repository " + withoutSecrets(url) + " not available: " + message)
                .causedBy(failure)
                .advise("Check the database, and spring.datasource.* in " + home.settingsFile() + "; the log is "
                        + home.logFile() + ".");
    }

    /** What to report when an import's call of the repository threw {@code failure}. */
    public static StateferryException during(Throwable failure) {
        if (isOutOfMemory(failure)) {
            return outOfMemory(failure);
        }
        return StateferryException.of(
                        FailureKind.REPOSITORY,
                        "the job repository failed: " + firstLine(NestedExceptionUtils.getMostSpecificCause(failure)))
                .causedBy(failure)
                .advise(
                        "Run the same command again: it finds out from the image, not from the repository, what is left to do.");
    }

    /** The database wraps the error, and the framework whatever it meets; the repository is sound all the same. */
    private static boolean isOutOfMemory(Throwable failure) {
        return causes(failure)
                .anyMatch(cause -> cause instanceof OutOfMemoryError
                        || cause instanceof SQLException sql && sql.getErrorCode() == H2_OUT_OF_MEMORY);
    }

    private static StateferryException outOfMemory(Throwable failure) {
        return StateferryException.of(
                        FailureKind.INTERNAL, "the memory of this process is not enough for the job repository")
                .causedBy(failure)
                .advise(
                        "Give it more, for example STATEFERRY_JAVA_OPTS=-Xmx512m, and run the same command again; a history"
                                + " that has grown long gets shorter by stateferry history --prune.");
    }

    /** {@link #during} for a failure of the database; anything else is thrown on. */
    public static StateferryException translated(RuntimeException failure) {
        if (isOfDatabase(failure)) {
            return during(failure);
        }
        throw failure;
    }

    private static StateferryException ofDefaultFile(Throwable failure, StateferryHome home, String message) {
        if (sqlErrorCode(failure).filter(code -> code == H2_ALREADY_OPEN).isPresent()) {
            return StateferryException.in(
                            FailureKind.REPOSITORY,
                            home.repositoryFile(),
                            "the job repository is open in another program")
                    .causedBy(failure)
                    .advise("Close the program that has the database open, for example a database console.");
        }
        return StateferryException.in(
                        FailureKind.REPOSITORY,
                        home.repositoryFile(),
                        "cannot be used as the job repository: " + message)
                .causedBy(failure)
                .advise(
                        "Unless the disk is full, move the file away: a new one is made, and no import depends on the old"
                                + " one. The log is "
                                + home.logFile() + ".");
    }

    private static Optional<Integer> sqlErrorCode(Throwable failure) {
        return causes(failure)
                .filter(SQLException.class::isInstance)
                .map(cause -> ((SQLException) cause).getErrorCode())
                .reduce((outer, inner) -> inner);
    }

    private static Stream<Throwable> causes(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause)
                .limit(50);
    }

    private static String firstLine(Throwable cause) {
        String text = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
        String line = text.strip().lines().findFirst().orElse("");
        return line.length() > MESSAGE_LENGTH_MAX ? line.substring(0, MESSAGE_LENGTH_MAX) + "..." : line;
    }

    /** A URL can hold a password after {@code ?} or {@code ;}, or before {@code @}. */
    private static String withoutSecrets(String url) {
        return url.replaceFirst("[?;].*", "").replaceFirst("//[^/@]*@", "//");
    }
}
