package org.stateferry.web;

import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.tomcat.util.http.InvalidParameterException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.dao.DataAccessException;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.transaction.TransactionException;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.TaskReport;
import org.stateferry.repository.JsonText;
import org.stateferry.repository.RepositoryFailure;
import org.stateferry.service.DoubtfulJvm;

/**
 * Failures as problem details (RFC 9457): a type for each {@link FailureKind}, and the failure as commands report it with
 * {@code --json} in the member {@code failure}.
 */
@RestControllerAdvice
@Order(Ordered.HIGHEST_PRECEDENCE)
final class Problems {
    /** What all types begin with; the kind's tag follows. */
    static final String TYPE = "urn:stateferry:failure:";

    private static final int MESSAGE_MAX = 200;
    /** What the library calls our types and its own. */
    private static final Pattern QUALIFIED_NAME = Pattern.compile("`(?:[\\w$]+[.$])*(\\w+)`");

    /** A failure of ours. */
    @ExceptionHandler
    ResponseEntity<ProblemDetail> failed(StateferryException failure) {
        return answer(failure, statusOf(failure.kind()));
    }

    /** A request that asks for something that is not there. */
    @ExceptionHandler
    ResponseEntity<ProblemDetail> unknown(UnknownException unknown) {
        return answer(unknown.failure(), HttpStatus.NOT_FOUND);
    }

    /** A request that would be in order at another time. */
    @ExceptionHandler
    ResponseEntity<ProblemDetail> notNow(NotNowException refusal) {
        return answer(refusal.failure, HttpStatus.CONFLICT);
    }

    /** A webhook by somebody who cannot sign. */
    @ExceptionHandler
    ResponseEntity<ProblemDetail> notSigned(Webhooks.NotSignedException refusal) {
        ProblemDetail detail =
                ProblemDetail.forStatusAndDetail(HttpStatus.UNAUTHORIZED, String.valueOf(refusal.getMessage()));
        detail.setType(URI.create(TYPE + "signature"));
        return ResponseEntity.status(HttpStatus.UNAUTHORIZED).body(detail);
    }

    /** A body that is not what it should be. */
    @ExceptionHandler
    ResponseEntity<ProblemDetail> unreadable(HttpMessageNotReadableException unreadable) {
        String reason = unreadable.getCause() == null
                ? "there is none" // the framework names the method that would have had it
                : QUALIFIED_NAME
                        .matcher(
                                String.valueOf(unreadable.getMostSpecificCause().getMessage()))
                        .replaceAll("$1");
        return answer(
                StateferryException.of(
                                FailureKind.USAGE,
                                "the body is not understood: "
                                        + ForeignText.cut(
                                                reason.lines().findFirst().orElse(""), MESSAGE_MAX))
                        .advise("Correct it and send the request again."),
                HttpStatus.BAD_REQUEST);
    }

    /** Parameters that Tomcat cannot decode. */
    @ExceptionHandler
    ResponseEntity<ProblemDetail> undecodable(InvalidParameterException unreadable) {
        return answer(
                StateferryException.of(
                                FailureKind.USAGE, "the parameters of the request are not UTF-8, percent-encoded")
                        .advise("Correct them and send the request again."),
                HttpStatus.BAD_REQUEST);
    }

    /** The job repository does not answer, or not as it should. */
    @ExceptionHandler({DataAccessException.class, TransactionException.class})
    ResponseEntity<ProblemDetail> withoutRepository(RuntimeException failure) {
        return failed(RepositoryFailure.during(failure));
    }

    /** Whatever nobody foresaw: what neither we nor the framework have another answer for. */
    @RestControllerAdvice
    @Order(Ordered.LOWEST_PRECEDENCE)
    static final class Surprises {
        private static final Logger LOG = LoggerFactory.getLogger(Surprises.class);

        private final DoubtfulJvm jvm;

        Surprises(DoubtfulJvm jvm) {
            this.jvm = jvm;
        }

        @ExceptionHandler
        ResponseEntity<ProblemDetail> surprised(RuntimeException surprise) {
            jvm.check(surprise);
            LOG.error("A request failed unexpectedly", surprise);
            return answer(
                    StateferryException.of(FailureKind.INTERNAL, "internal error: " + surprise)
                            .advise("The service's log has more."),
                    HttpStatus.INTERNAL_SERVER_ERROR);
        }
    }

    /** Answers where the framework's handlers are not asked. */
    static void write(HttpServletResponse response, StateferryException failure) throws IOException {
        int status = statusOf(failure.kind()).value();
        response.setStatus(status);
        response.setContentType(MediaType.APPLICATION_PROBLEM_JSON_VALUE);
        Map<String, Object> problem = new LinkedHashMap<>();
        problem.put("type", TYPE + failure.kind().tag());
        problem.put("title", failure.kind().title());
        problem.put("status", status);
        problem.put("detail", failure.getMessage());
        problem.put("failure", TaskReport.Failure.of(failure));
        response.getOutputStream().write(JsonText.line(problem).getBytes(StandardCharsets.UTF_8));
    }

    private static ResponseEntity<ProblemDetail> answer(StateferryException failure, HttpStatus status) {
        ProblemDetail detail = ProblemDetail.forStatusAndDetail(status, String.valueOf(failure.getMessage()));
        detail.setType(URI.create(TYPE + failure.kind().tag()));
        detail.setTitle(failure.kind().title());
        detail.setProperty("failure", TaskReport.Failure.of(failure));
        return ResponseEntity.status(status).body(detail);
    }

    /** What HTTP calls a failure of this kind. */
    static HttpStatus statusOf(FailureKind kind) {
        return switch (kind) {
            case USAGE -> HttpStatus.BAD_REQUEST;
            case DUMP_MISSING,
                    DUMP_INVALID,
                    DUMP_UNFIT,
                    IMAGE_MISSING,
                    IMAGE_UNSUPPORTED,
                    IMAGE_CORRUPT,
                    CONFIGURATION -> HttpStatus.UNPROCESSABLE_CONTENT;
            case IMAGE_IN_USE, CONFLICT, INTERRUPTED -> HttpStatus.CONFLICT;
            case NO_SPACE -> HttpStatus.INSUFFICIENT_STORAGE;
            case REPOSITORY -> HttpStatus.SERVICE_UNAVAILABLE;
            case INTERNAL, IO, VERIFICATION -> HttpStatus.INTERNAL_SERVER_ERROR;
        };
    }

    /** There is no such thing as the request's path names. */
    static final class UnknownException extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final StateferryException failure;

        UnknownException(String what) {
            this(StateferryException.of(FailureKind.USAGE, "there is no " + what));
        }

        UnknownException(StateferryException failure) {
            super(failure);
            this.failure = failure;
        }

        StateferryException failure() {
            return failure;
        }
    }

    /** What the request asks for is there, and cannot be done as it is now. */
    static final class NotNowException extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final StateferryException failure;

        NotNowException(StateferryException failure) {
            super(failure);
            this.failure = failure;
        }
    }
}
