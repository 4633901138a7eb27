package org.stateferry.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ForeignTextTest {
    private static final String HOSTILE = "a\u001b[2J\r\nb\u009b1m\u007f\u202etxt\u2066x\ud800\u2028";
    private static final String HARMLESS = "a\\x1b[2J  b\\x9b1m\\x7f\\u202etxt\\u2066x\\ud800\\u2028";

    @Test
    void whatCanDoSomethingToATerminalIsEscaped() {
        assertThat(ForeignText.escape(HOSTILE)).isEqualTo(HARMLESS);
    }

    @Test
    void everyControlCharacterIsEscaped() {
        for (int point = 0; point < 0xa0; point++) {
            if (point < ' ' || point >= 0x7f) {
                assertThat(ForeignText.escape(Character.toString(point))).matches(" |\\\\x[0-9a-f]{2}");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            ints = {0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069})
    void everyCharacterThatChangesTheDirectionIsEscaped(int point) {
        assertThat(ForeignText.escape("x" + Character.toString(point))).isEqualTo("x\\u%04x".formatted(point));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "saved", "Zustand für später", "保存", "می\u200cخواهم", "👩\u200d💻", "C:\\x1b \\n"})
    void otherTextIsLeftAlone(String text) {
        assertThat(ForeignText.escape(text)).isSameAs(text);
    }

    @Test
    void whatIsEscapedStaysAsItIs() {
        assertThat(ForeignText.escape(HARMLESS)).isEqualTo(HARMLESS);
    }

    @Test
    void bytesThatAreNoUtf8AreShown() {
        byte[] bytes = {'x', (byte) 0xff, (byte) 0xe4, 'y', (byte) 0xc3, (byte) 0xa9, (byte) 0xf0, (byte) 0x9f};
        assertThat(ForeignText.decode(ByteBuffer.wrap(bytes))).isEqualTo("x\\xff\\xe4yé\\xf0\\x9f");
        assertThat(ForeignText.decode(ByteBuffer.wrap(bytes, 4, 2))).isEqualTo("é");
        byte[] valid = "späte 👩 Zeit".getBytes(StandardCharsets.UTF_8);
        assertThat(ForeignText.decode(ByteBuffer.wrap(valid))).isEqualTo("späte 👩 Zeit");
    }

    @ParameterizedTest
    @CsvSource({"abcdefgh, 8, abcdefgh", "abcdefghi, 8, abc...hi", "/very/long/path/image.qcow2, 17, /very/l...e.qcow2"
    })
    void whatIsTooLongIsCutInTheMiddle(String text, int max, String expected) {
        assertThat(ForeignText.cut(text, max)).isEqualTo(expected).hasSizeLessThanOrEqualTo(max);
    }

    @Test
    void noCharacterIsCutInTwo() {
        String text = "👩".repeat(20);
        for (int max = 5; max < 20; max++) {
            assertThat(ForeignText.escape(ForeignText.cut(text, max))).doesNotContain("\\u");
        }
    }

    @Test
    void aFailureSaysNothingThatDoesHarm() {
        Path file = Path.of("/tmp/x\u001b[31m");
        StateferryException failure = StateferryException.at(FailureKind.CONFLICT, file, 5, "\"" + HOSTILE + "\"")
                .advise(HOSTILE)
                .causedBy(new IllegalStateException());

        assertThat(failure).hasMessage("/tmp/x\\x1b[31m at byte 5: \"" + HARMLESS + "\"");
        assertThat(failure.problem()).isEqualTo("\"" + HARMLESS + "\"");
        assertThat(failure.advice()).isEqualTo(HARMLESS);
        assertThat(failure.file()).isEqualTo(file);
    }
}
