package org.stateferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.repository.JsonText;

class TextsTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.0 KiB",
        "1536, 1.5 KiB",
        "3221225472, 3.0 GiB",
        "9223372036854775807, 8.0 EiB",
        "-9223372036854775808, 8.0 EiB",
        "-1, 16.0 EiB"
    })
    void sizesAreInIecUnits(long bytes, String expected) {
        assertThat(Texts.bytes(bytes)).isEqualTo(expected);
    }

    /** QEMU shows the same, and so does its JSON. */
    @Test
    void whatFilesClaimHasNoSign() {
        assertThat(ImageReport.clock(-1)).isEqualTo("5124095:34:33.709");
        assertThat(ImageReport.clock(Long.MIN_VALUE)).isEqualTo("2562047:47:16.854");
        assertThat(JsonText.line(Texts.unsigned(-1))).isEqualTo("18446744073709551615");
        assertThat(Texts.unsigned(5)).isEqualTo(5L);
    }

    @Test
    void noTimeGivesNoRate() {
        assertThat(Texts.megabytesPerSecond(1000, 0)).isEqualTo("-");
    }
}
