package org.stateferry.web;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Set;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.web.filter.OncePerRequestFilter;

/** Records every request that may change something in the audit log, after it has been answered. Thread-safe. */
final class AuditFilter extends OncePerRequestFilter {
    /** The request's attribute in which a controller leaves what exactly was asked for. */
    static final String ABOUT = AuditFilter.class.getName() + ".about";

    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS");

    private final AuditLog log;

    AuditFilter(AuditLog log) {
        this.log = log;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain next)
            throws ServletException, IOException {
        if (SAFE.contains(request.getMethod())) {
            next.doFilter(request, response);
            return;
        }
        Authentication asker = SecurityContextHolder.getContext().getAuthentication();
        boolean answered = false;
        try {
            next.doFilter(request, response);
            answered = true;
        } finally {
            Object about = request.getAttribute(ABOUT);
            log.add(
                    asker == null ? "" : asker.getName(),
                    request.getRemoteAddr(),
                    request.getMethod() + " " + request.getRequestURI(),
                    about == null ? "" : about.toString(),
                    // The answer to what nobody foresaw is made after this.
                    answered ? response.getStatus() : HttpServletResponse.SC_INTERNAL_SERVER_ERROR);
        }
    }
}
