package org.stateferry.bytes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
    @ParameterizedTest
    @CsvSource({
        "1, 1",
        "200M, 209715200",
        "4k, 4096",
        "3GiB, 3221225472",
        "1MiB/s, 1048576",
        "8388607T, 9223370937343148032"
    })
    void readsBytesPerSecondWithIecSuffix(String text, long expected) {
        assertThat(ByteSize.parseRate(text)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "0M", "-1", "1.5M", "200MB", "M", "200 M", "8388608T", "9999999999999999999"})
    void refusesWhatIsNoRateAndSaysWhich(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ByteSize.parseRate(text))
                .withMessageContaining("'" + text + "'");
    }
}
