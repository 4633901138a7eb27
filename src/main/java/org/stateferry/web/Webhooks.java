package org.stateferry.web;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.service.definition.HomeFile;

/**
 * Checks the signatures of webhooks, which may fire a definition without a login. The signature is HMAC-SHA256 over the
 * time, a dot and the definition's name, so it is good for one definition and a few minutes, and only once, whoever
 * restarts the service meanwhile. Thread-safe.
 */
final class Webhooks {
    /** The header with the time of signing, in seconds of Unix time. */
    static final String TIMESTAMP = "X-Stateferry-Timestamp";
    /** The header with the signature, in hexadecimal digits. */
    static final String SIGNATURE = "X-Stateferry-Signature";

    private static final Duration TOLERANCE = Duration.ofMinutes(5);
    private static final String ALGORITHM = "HmacSHA256";

    private final Map<String, AccessProperties.Hook> hooks;
    private final Clock clock;
    private final HomeFile<Used> file;
    /** The signatures that were used, with their time; those of before the tolerance are forgotten. */
    private final Map<String, Instant> used = new LinkedHashMap<>();

    record Used(Map<String, Instant> signatures) {
        Used {
            signatures = Map.copyOf(signatures);
        }
    }

    /** The request is not signed, or not rightly, or was there before. */
    static final class NotSignedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        private NotSignedException(String reason) {
            super(reason);
        }
    }

    /**
     * @param home where is kept which signatures were used
     * @param hooks by the names of the definitions
     */
    Webhooks(StateferryHome home, Map<String, AccessProperties.Hook> hooks, Clock clock) {
        this.hooks = Map.copyOf(hooks);
        this.clock = clock;
        this.file = new HomeFile<>(home.usedSignaturesFile(), Used.class);
        file.read().ifPresent(kept -> used.putAll(kept.signatures));
    }

    /**
     * Requires that the sender knows the secret, and has not been here with this signature.
     *
     * @throws NotSignedException if he has not proven it
     * @throws StateferryException of kind IO if it cannot be kept that the signature was used
     */
    void require(String definition, @Nullable String timestamp, @Nullable String signature) throws StateferryException {
        AccessProperties.Hook hook = hooks.get(definition);
        if (hook == null || timestamp == null || signature == null || !timestamp.matches("\\d{1,12}")) {
            throw new NotSignedException("the request is not signed as this definition's secret would have it");
        }
        byte[] expected = sign(hook.secret(), timestamp + "." + definition);
        if (!MessageDigest.isEqual(expected, bytes(signature))) {
            throw new NotSignedException("the request is not signed as this definition's secret would have it");
        }
        Instant now = clock.instant();
        Instant signed = Instant.ofEpochSecond(Long.parseLong(timestamp));
        if (Duration.between(signed, now).abs().compareTo(TOLERANCE) > 0) {
            throw new NotSignedException("the signature's time is more than five minutes off");
        }
        useOnce(HexFormat.of().formatHex(expected), now);
    }

    private synchronized void useOnce(String signature, Instant now) throws StateferryException {
        used.values().removeIf(time -> time.isBefore(now.minus(TOLERANCE.multipliedBy(2))));
        if (used.putIfAbsent(signature, now) != null) {
            throw new NotSignedException("the signature was used before");
        }
        try {
            file.writeDurably(new Used(used));
        } catch (IOException e) {
            used.remove(signature);
            throw StateferryException.of(
                            FailureKind.IO, "it cannot be kept that the signature was used: " + e.getMessage())
                    .causedBy(e)
                    .advise("Make room in the service's home, and sign anew.");
        }
    }

    private static byte[] bytes(String hexadecimal) {
        try {
            return HexFormat.of().parseHex(hexadecimal);
        } catch (IllegalArgumentException e) {
            return new byte[0];
        }
    }

    private static byte[] sign(String secret, String text) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), ALGORITHM));
            return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every JVM has it
        }
    }
}
