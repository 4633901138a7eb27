package org.stateferry.web;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Optional;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.security.web.AuthenticationEntryPoint;
import org.springframework.web.filter.OncePerRequestFilter;

/** Lets those in that bear a known token ({@code Authorization: Bearer TOKEN}). Thread-safe. */
final class TokenFilter extends OncePerRequestFilter {
    private static final String SCHEME = "Bearer ";

    private final Accounts accounts;
    private final AuthenticationEntryPoint refusal;

    TokenFilter(Accounts accounts, AuthenticationEntryPoint refusal) {
        this.accounts = accounts;
        this.refusal = refusal;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain next)
            throws ServletException, IOException {
        String header = request.getHeader("Authorization");
        if (header == null || !header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            next.doFilter(request, response);
            return;
        }
        Optional<Authentication> bearer =
                accounts.bearerOf(header.substring(SCHEME.length()).strip());
        if (bearer.isEmpty()) {
            refusal.commence(request, response, new BadCredentialsException("the token is not known"));
            return;
        }
        SecurityContext context = SecurityContextHolder.createEmptyContext();
        context.setAuthentication(bearer.get());
        SecurityContextHolder.setContext(context);
        try {
            next.doFilter(request, response);
        } finally {
            SecurityContextHolder.clearContext();
        }
    }
}
