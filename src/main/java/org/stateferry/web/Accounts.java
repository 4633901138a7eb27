package org.stateferry.web;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AuthenticationProvider;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import org.springframework.security.crypto.bcrypt.BCryptPasswordEncoder;
import org.springframework.security.web.authentication.WebAuthenticationDetails;

/**
 * The known accounts: users with passwords, bearers of tokens, and the local token of those who can read the home. A
 * password that is wrong is counted; where there are too many, the right one is refused as well for a while, so that
 * trying costs time. Thread-safe.
 */
final class Accounts implements AuthenticationProvider {
    /** The name of those who have the token of the home: commands of the same user, and of root. */
    private static final String LOCAL = "local";

    private static final GrantedAuthority OF_HOME = new SimpleGrantedAuthority("HOME");
    /** The hash of a password that nobody knows. */
    private static final String NOBODY = new BCryptPasswordEncoder().encode(Secrets.password());
    /** bcrypt takes no more bytes. */
    private static final int PASSWORD_MAX = 72;

    private final Map<String, AccessProperties.User> users;
    private final Map<String, Known> tokens = new HashMap<>();
    private final byte[] localToken;
    private final FailedLogins failures;
    private final BCryptPasswordEncoder passwords = new BCryptPasswordEncoder();

    private record Known(byte[] sha256, Role role) {}

    /**
     * @param users by their names
     * @param tokens by their names
     * @param localToken that of the home
     * @param failures knows how often somebody may be wrong
     */
    Accounts(
            Map<String, AccessProperties.User> users,
            Map<String, AccessProperties.Token> tokens,
            String localToken,
            FailedLogins failures) {
        this.users = Map.copyOf(users);
        this.failures = failures;
        tokens.forEach((name, token) -> this.tokens.put(
                name, new Known(HexFormat.of().parseHex(token.sha256().toLowerCase(Locale.ROOT)), token.role())));
        this.localToken = sha256(localToken);
    }

    /** Who bears this token; empty if nobody does. Tokens are too long to be found by trying. */
    Optional<Authentication> bearerOf(String token) {
        byte[] digest = sha256(token);
        // All are compared, so that the time tells nothing.
        @Nullable
        Authentication found = MessageDigest.isEqual(digest, localToken) ? known(LOCAL, Role.ADMIN, OF_HOME) : null;
        for (Map.Entry<String, Known> entry : tokens.entrySet()) {
            if (MessageDigest.isEqual(digest, entry.getValue().sha256())) {
                found = known(entry.getKey(), entry.getValue().role());
            }
        }
        return Optional.ofNullable(found);
    }

    @Override
    public Authentication authenticate(Authentication asked) {
        String name = asked.getName();
        String address =
                asked.getDetails() instanceof WebAuthenticationDetails details ? details.getRemoteAddress() : "";
        failures.requireFew(name, address);
        AccessProperties.User user = users.get(name);
        String password = String.valueOf(asked.getCredentials());
        // An unknown name takes as long as a wrong password.
        String hash = user == null ? NOBODY : user.passwordHash();
        boolean right =
                password.getBytes(StandardCharsets.UTF_8).length <= PASSWORD_MAX && passwords.matches(password, hash);
        if (user == null || !right) {
            failures.count(name, address);
            throw new BadCredentialsException("name or password is wrong");
        }
        return known(name, user.role());
    }

    @Override
    public boolean supports(Class<?> type) {
        return UsernamePasswordAuthenticationToken.class.isAssignableFrom(type);
    }

    /** Whether somebody has the token of the home, and so could do whatever he asks for by himself. */
    static boolean isLocal(Authentication asker) {
        return asker.getAuthorities().contains(OF_HOME);
    }

    private static Authentication known(String name, Role role, GrantedAuthority... more) {
        List<GrantedAuthority> granted = Stream.concat(
                        Arrays.stream(Role.values())
                                .filter(one -> one.compareTo(role) <= 0)
                                .map(one -> new SimpleGrantedAuthority("ROLE_" + one.name())),
                        Arrays.stream(more))
                .toList();
        return UsernamePasswordAuthenticationToken.authenticated(name, null, granted);
    }

    private static byte[] sha256(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JVM has it
        }
    }
}
