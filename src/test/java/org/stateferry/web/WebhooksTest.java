package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.home.StateferryHome;
import org.stateferry.testing.FakeClock;

class WebhooksTest {
    private static final String SECRET = "a secret of at least thirty-two characters";

    @TempDir
    Path folder;

    private final FakeClock clock = new FakeClock("2026-11-20T12:00:00Z");
    private StateferryHome home;

    @BeforeEach
    void openHome() throws Exception {
        home = StateferryHome.open(folder);
    }

    private Webhooks started() {
        return new Webhooks(home, Map.of("nightly", new AccessProperties.Hook(SECRET)), clock);
    }

    private String time() {
        return Long.toString(clock.instant().getEpochSecond());
    }

    private String signature() throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(SECRET.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        return HexFormat.of().formatHex(mac.doFinal((time() + ".nightly").getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void aSignatureIsGoodOnceAlsoAfterARestart() throws Exception {
        String time = time();
        String signature = signature();
        started().require("nightly", time, signature);

        Webhooks restarted = started();
        assertThatThrownBy(() -> restarted.require("nightly", time, signature)).hasMessageContaining("used before");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(home.usedSignaturesFile())))
                .isEqualTo("rw-------");
        clock.advance(Duration.ofSeconds(1));
        restarted.require("nightly", time(), signature());
    }

    @Test
    void whatIsTooOldToBeGoodIsNotKept() throws Exception {
        started().require("nightly", time(), signature());
        String first = signature();
        clock.advance(Duration.ofMinutes(11));

        started().require("nightly", time(), signature());

        assertThat(Files.readString(home.usedSignaturesFile()))
                .contains(signature())
                .doesNotContain(first);
    }
}
