package org.stateferry.web;

import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Clock;
import java.util.Map;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpMethod;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.crypto.bcrypt.BCryptPasswordEncoder;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.access.ExceptionTranslationFilter;
import org.springframework.security.web.authentication.www.BasicAuthenticationConverter;
import org.springframework.security.web.authentication.www.BasicAuthenticationFilter;
import org.stateferry.home.StateferryHome;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.PrivateFile;
import org.stateferry.host.SmallFile;
import org.stateferry.repository.JsonText;
import org.stateferry.service.OperatorNotices;

/**
 * The access rules: liveness is open to everybody, webhooks to those who can sign, and everything else to users and
 * bearers of tokens according to their role. There are no sessions, so nothing that a browser would send by itself but
 * a password that it was given; pages of other origins are refused before by the {@code RequestGuard}, so that no token
 * against forged requests is needed.
 */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(AccessProperties.class)
class SecurityConfiguration {
    private static final String ADMIN = "admin";
    private static final int HASH_FILE_MAX = 1024;
    private static final int TOO_MANY_REQUESTS = 429;

    @Bean
    AuditLog auditLog(StateferryHome home, Clock wallClock) {
        return new AuditLog(home, wallClock);
    }

    /** The token that the home gets, made anew at each start. */
    @Bean
    LocalToken localToken() {
        return new LocalToken(Secrets.token());
    }

    /** @param value never logged */
    record LocalToken(String value) {
        @Override
        public String toString() {
            return "LocalToken";
        }
    }

    @Bean
    Accounts accounts(
            AccessProperties properties,
            LocalToken localToken,
            StateferryHome home,
            OperatorNotices notices,
            Clock wallClock)
            throws IOException {
        Map<String, AccessProperties.User> users =
                properties.users().isEmpty() ? Map.of(ADMIN, admin(home, notices)) : properties.users();
        return new Accounts(
                users,
                properties.tokens(),
                localToken.value(),
                new FailedLogins(properties.failuresPerMinute(), wallClock));
    }

    /** The password is told once; only its hash is kept. */
    private static AccessProperties.User admin(StateferryHome home, OperatorNotices notices) throws IOException {
        if (!Files.exists(home.passwordFile())) {
            String password = Secrets.password();
            PrivateFile.createOnce(
                    home.passwordFile(),
                    (new BCryptPasswordEncoder().encode(password) + "\n").getBytes(StandardCharsets.US_ASCII));
            notices.tell("the password of the user admin is " + password + "; it is shown only now. Remove "
                    + home.passwordFile() + " to get another at the next start");
        }
        String hash = new String(
                        SmallFile.read(home.passwordFile(), Links.STAY, HASH_FILE_MAX), StandardCharsets.US_ASCII)
                .strip();
        return new AccessProperties.User(hash, Role.ADMIN);
    }

    @Bean
    SecurityFilterChain security(HttpSecurity http, Accounts accounts, AuditLog audit) {
        return http.authorizeHttpRequests(
                        rules -> rules.dispatcherTypeMatchers(DispatcherType.ERROR, DispatcherType.ASYNC)
                                .permitAll() // what was let in before
                                .requestMatchers("/error")
                                .denyAll() // the framework's own, which makes no sense by itself
                                .requestMatchers(HttpMethod.GET, "/actuator/health/liveness")
                                .permitAll()
                                .requestMatchers(HttpMethod.POST, "/api/v1/hooks/*")
                                .permitAll()
                                .requestMatchers(HttpMethod.POST, "/api/v1/history/prune")
                                .hasRole(Role.ADMIN.name())
                                .requestMatchers(HttpMethod.GET)
                                .hasRole(Role.VIEWER.name())
                                .anyRequest()
                                .hasRole(Role.OPERATOR.name()))
                .httpBasic(basic -> basic.authenticationEntryPoint(
                        (request, response, reason) -> refuseLogin(audit, request, response, reason)))
                .exceptionHandling(handling -> handling.authenticationEntryPoint(
                                (request, response, reason) -> refuseLogin(audit, request, response, reason))
                        .accessDeniedHandler((request, response, reason) -> refuse(
                                response,
                                HttpServletResponse.SC_FORBIDDEN,
                                "forbidden",
                                "this needs a role that you do not have")))
                .addFilterBefore(
                        new TokenFilter(
                                accounts, (request, response, reason) -> refuseLogin(audit, request, response, reason)),
                        BasicAuthenticationFilter.class)
                .addFilterBefore(new AuditFilter(audit), ExceptionTranslationFilter.class)
                .sessionManagement(sessions -> sessions.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
                .csrf(AbstractHttpConfigurer::disable)
                .requestCache(AbstractHttpConfigurer::disable)
                .logout(AbstractHttpConfigurer::disable)
                .formLogin(AbstractHttpConfigurer::disable)
                .build();
    }

    private static void refuseLogin(
            AuditLog audit, HttpServletRequest request, HttpServletResponse response, AuthenticationException reason)
            throws IOException {
        boolean tooMany = reason instanceof FailedLogins.TooManyException;
        int status = tooMany ? TOO_MANY_REQUESTS : HttpServletResponse.SC_UNAUTHORIZED;
        if (request.getHeader("Authorization") != null) {
            audit.add(claimed(request), request.getRemoteAddr(), "login", String.valueOf(reason.getMessage()), status);
        }
        if (tooMany) {
            response.setHeader("Retry-After", "60");
        } else {
            response.setHeader("WWW-Authenticate", "Basic realm=\"stateferry\", charset=\"UTF-8\"");
            response.addHeader("WWW-Authenticate", "Bearer realm=\"stateferry\"");
        }
        String message = request.getHeader("Authorization") == null
                ? "a user's password or a token is needed"
                : String.valueOf(reason.getMessage());
        refuse(response, status, tooMany ? "too-many-logins" : "login", message);
    }

    /** Who somebody says he is; empty for bearers of tokens. */
    private static String claimed(HttpServletRequest request) {
        try {
            Authentication claim = new BasicAuthenticationConverter().convert(request);
            return claim == null ? "" : claim.getName();
        } catch (AuthenticationException e) {
            return ""; // it cannot be decoded
        }
    }

    /** As all failures are reported; see {@link Problems}. */
    private static void refuse(HttpServletResponse response, int status, String type, String detail)
            throws IOException {
        response.setStatus(status);
        response.setContentType("application/problem+json");
        response.getOutputStream()
                .write(JsonText.line(Map.of("type", Problems.TYPE + type, "status", status, "detail", detail))
                        .getBytes(StandardCharsets.UTF_8));
    }
}
