package org.stateferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextsTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.0 KiB",
        "1536, 1.5 KiB",
        "3221225472, 3.0 GiB",
        "9223372036854775807, 8.0 EiB"
    })
    void sizesAreInIecUnits(long bytes, String expected) {
        assertThat(Texts.bytes(bytes)).isEqualTo(expected);
    }

    @Test
    void noTimeGivesNoRate() {
        assertThat(Texts.megabytesPerSecond(1000, 0)).isEqualTo("-");
    }
}
