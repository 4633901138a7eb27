package org.stateferry.web;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Size;
import java.util.Map;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * The settings of who may do what.
 *
 * @param users by their names, people with a password; without any, there is the user admin, whose password is made at the first start
 * @param tokens by their names, programs with a token
 * @param hooks by the names of definitions, the secrets that let requests fire them without a login
 * @param failuresPerMinute so many wrong passwords for one user from one address, and four times as many from it under whatever names, are looked at in a minute; further ones are refused without a look
 */
@ConfigurationProperties("stateferry.access")
@Validated
record AccessProperties(
        @DefaultValue Map<String, @Valid User> users,
        @DefaultValue Map<String, @Valid Token> tokens,
        @DefaultValue Map<String, @Valid Hook> hooks,
        @Min(1) @Max(1000) @DefaultValue("5") int failuresPerMinute) {
    /**
     * A user.
     *
     * @param passwordHash the password's hash by bcrypt, as htpasswd -nB makes it
     * @param role what the user may do
     */
    record User(
            @NotNull
            @Pattern(
                    regexp = "[$]2[aby][$]\\d\\d[$][./A-Za-z0-9]{53}",
                    message = "is no hash by bcrypt, such as htpasswd -nB makes")
            String passwordHash,

            @NotNull Role role) {}

    /**
     * A token.
     *
     * @param sha256 the token's SHA-256 in hexadecimal digits
     * @param role what its bearer may do
     */
    record Token(
            @NotNull
            @Pattern(
                    regexp = "[0-9a-fA-F]{64}",
                    message = "is no SHA-256 in hexadecimal digits, such as sha256sum makes")
            String sha256,

            @NotNull Role role) {}

    /**
     * What lets a definition fire.
     *
     * @param secret known to who signs; at least 32 characters
     */
    record Hook(@NotNull @Size(min = 32, max = 1024) String secret) {
        @Override
        public String toString() {
            return "Hook";
        }
    }
}
