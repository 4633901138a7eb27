package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostMemoryTest {
    @ParameterizedTest(name = "{0} MiB of file, {1} MiB of memory")
    @CsvSource({"64, 16, false", "65, 16, true", "2048, 16384, false", "4096, 16384, false", "4097, 16384, true"})
    void aFileIsLargeThatWouldFillMoreThanAQuarterOfTheMemory(long size, long memory, boolean large) {
        assertThat(HostMemory.isLargeForPageCache(size << 20, () -> memory << 20))
                .isEqualTo(large);
    }
}
