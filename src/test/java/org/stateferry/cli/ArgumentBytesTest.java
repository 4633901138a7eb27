package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

class ArgumentBytesTest {
    private static final String MARK = "x\ufffd";

    private static StateferryException refusal(String[] args, String encoding, List<byte[]> raw) {
        return Objects.requireNonNull(ArgumentBytes.problem(args, encoding, raw));
    }

    @Test
    void utf8IsUnderstood() {
        String[] args = {"import", "ä", MARK};
        List<byte[]> raw =
                List.of(new byte[] {'i'}, "ä".getBytes(StandardCharsets.UTF_8), MARK.getBytes(StandardCharsets.UTF_8));
        assertThat(ArgumentBytes.problem(args, "UTF-8", raw)).isNull();
        assertThat(ArgumentBytes.problem(new String[] {"import", "a"}, "ANSI_X3.4-1968", List.of()))
                .isNull();
    }

    @Test
    void bytesOfAnotherEncodingAreRefused() {
        StateferryException refusal = refusal(new String[] {MARK}, "UTF-8", List.of(new byte[] {'x', (byte) 0xe4}));
        assertThat(refusal.kind()).isEqualTo(FailureKind.USAGE);
        assertThat(refusal).hasMessage("argument 1 is not UTF-8: x\\xe4");
        assertThat(refusal(new String[] {MARK}, "UTF-8", List.of())).hasMessageContaining("argument 1 is not UTF-8");
    }

    @Test
    void inALocaleWithoutUtf8OnlyAsciiIsTaken() {
        assertThat(refusal(new String[] {"a", MARK}, "ANSI_X3.4-1968", List.of()))
                .hasMessage("argument 2 has characters that are lost in this locale (ANSI_X3.4-1968)");
        assertThat(refusal(new String[] {"ä"}, "ISO-8859-1", List.of())).hasMessageContaining("argument 1");
    }
}
