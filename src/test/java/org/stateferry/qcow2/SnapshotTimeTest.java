package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SnapshotTimeTest {
    @ParameterizedTest
    @CsvSource({
        "2026-01-02T03:04:05.678901234Z, 1767323045, 678901000",
        "1969-12-31T23:59:59Z, 0, 0",
        "-999999999-01-01T00:00:00Z, 0, 0",
        "+500000-01-01T00:00:00Z, 4294967295, 0"
    })
    void datesOutOfTheTablesRangeAreMovedIntoIt(Instant date, long seconds, long nanos) {
        SnapshotTime time = new SnapshotTime(date, 7);

        assertThat(time.dateSeconds()).isEqualTo(seconds);
        assertThat(time.dateNanos()).isEqualTo(nanos);
    }
}
