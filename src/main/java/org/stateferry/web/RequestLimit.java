package org.stateferry.web;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.concurrent.Semaphore;
import org.springframework.web.filter.OncePerRequestFilter;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Limits how many requests are worked on at a time, so that threads are left for health checks: a request that needs a job
 * repository or a disk that does not answer holds its thread, a health check never does. Thread-safe.
 */
final class RequestLimit extends OncePerRequestFilter {
    /** How many requests may be under way; four less than there are threads ({@code server.tomcat.threads.max}). */
    static final int REQUESTS_MAX = 12;

    private static final String HEALTH = "/actuator/health";
    private static final String RETRY_SECONDS = "5";

    private final Semaphore room = new Semaphore(REQUESTS_MAX);

    @Override
    protected boolean shouldNotFilter(HttpServletRequest request) {
        String path = request.getRequestURI();
        return path.equals(HEALTH) || path.startsWith(HEALTH + "/");
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        if (!room.tryAcquire()) {
            response.setHeader("Retry-After", RETRY_SECONDS);
            Problems.write(
                    response,
                    StateferryException.of(
                                    FailureKind.REPOSITORY,
                                    REQUESTS_MAX + " requests are under way, and wait for the job repository or a disk")
                            .advise("Try again later; see /actuator/health/readiness."));
            return;
        }
        try {
            chain.doFilter(request, response);
        } finally {
            room.release();
        }
    }
}
