package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.stateferry.testing.FakeClock;

class FailedLoginsTest {
    private static final int MOST = 5;

    private final FakeClock clock = new FakeClock("2026-11-20T12:00:00Z");
    private final FailedLogins failures = new FailedLogins(MOST, clock);

    private void fail(String user, String address) {
        failures.requireFew(user, address);
        failures.count(user, address);
    }

    @Test
    void oneUserMayBeWrongAFewTimesAMinute() {
        for (int i = 0; i < MOST; i++) {
            fail("mallory", "192.0.2.1");
        }

        assertThatThrownBy(() -> failures.requireFew("mallory", "192.0.2.1"))
                .isInstanceOf(FailedLogins.TooManyException.class);
        assertThatCode(() -> failures.requireFew("mallory", "192.0.2.2")).doesNotThrowAnyException();
        assertThatCode(() -> failures.requireFew("otto", "192.0.2.1")).doesNotThrowAnyException();
        clock.advance(Duration.ofSeconds(61));
        assertThatCode(() -> failures.requireFew("mallory", "192.0.2.1")).doesNotThrowAnyException();
    }

    @Test
    void newNamesGetAnAddressNoFurther() {
        for (int i = 0; i < 4 * MOST; i++) {
            fail("user" + i, "192.0.2.1");
        }

        assertThatThrownBy(() -> failures.requireFew("another", "192.0.2.1"))
                .isInstanceOf(FailedLogins.TooManyException.class);
        assertThatCode(() -> failures.requireFew("another", "192.0.2.2")).doesNotThrowAnyException();
        clock.advance(Duration.ofSeconds(61));
        assertThatCode(() -> failures.requireFew("another", "192.0.2.1")).doesNotThrowAnyException();
    }
}
