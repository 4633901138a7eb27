package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.StreamFacts;
import org.stateferry.testing.Cases;
import org.stateferry.testing.Dumps;

/** Dumps that made trouble once. */
class CaseDumpsTest {
    @TempDir
    Path folder;

    private Cases cases;

    @BeforeEach
    void assumeCases() {
        cases = Cases.assumeAvailable();
    }

    private StreamFacts facts(String name) throws StateferryException {
        try (DumpSource source = DumpSources.open(cases.unpack(name, folder), DumpFormat.AUTO)) {
            assertThat(source.warnings()).isEmpty();
            return source.facts();
        }
    }

    @Test
    void aStateOfAnS390xGuestIsCheckedToItsEnd() throws Exception {
        assertThat(facts("s390x-whole.vmstate").clock()).isNotNull();
        assertThat(Dumps.readThrough(folder.resolve("s390x-whole.vmstate"))).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"s390x-cut-in-half.vmstate", "s390x-cut-at-200.vmstate", "kdump-flattened-head"})
    void whatIsCutOrNoStateIsRefused(String name) {
        Path dump = cases.unpack(name, folder);
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> Dumps.readThrough(dump));
        assertThat(failure.kind()).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
        assertThat(failure.advice()).isNotBlank().doesNotContain("opaque");
    }

    @Test
    void memoryInTwoBackendsAndTwoProcessorsAreCounted() throws Exception {
        StreamFacts facts = facts("numa-two-backends.vmstate");
        assertThat(facts.mainMemorySize()).hasValue(64L << 20);
        assertThat(facts.processorCount()).isEqualTo(2);
    }

    @Test
    void aFlashDriveThatTheGuestWritesToCountsLikeADisk() throws Exception {
        StreamFacts facts = facts("uefi-two-flash.vmstate");
        assertThat(facts.diskDevices()).containsOnlyKeys("pflash", "virtio-blk");
    }
}
