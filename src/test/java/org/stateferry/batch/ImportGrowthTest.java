package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.storage.IoMode;

/** A large state that is written past the page cache gets its blocks ahead of the writes. */
class ImportGrowthTest {
    private static final int MIB = ImportBench.MIB;
    private static final long DUMP_SIZE = 300L * MIB;
    private static final int DATA_SIZE = 20 * MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void takeADumpThatIsMostlyZeros() throws Exception {
        bench = HOME.bench().withSparseDump(DUMP_SIZE, DATA_SIZE, 1);
        bench.io = IoMode.DIRECT;
    }

    @Test
    void whatTheZerosDidNotNeedIsCutBeforeTheSwitch() throws Exception {
        ImportBench cached = HOME.bench().withSparseDump(DUMP_SIZE, DATA_SIZE, 1);
        cached.io = IoMode.CACHED;
        cached.run("saved");

        ImportOutcome outcome = bench.run("saved");

        assumeTrue(outcome.io() == IoMode.DIRECT, "the file system has no direct access");
        assertThat(Files.size(bench.image())).isEqualTo(Files.size(cached.image()));
        bench.assertHolds("saved");
    }

    @Test
    void aRestartGoesOnInAnImageThatHasMoreBlocksThanData() throws Exception {
        bench.stopAt(8L * MIB);
        bench.fail("saved");
        assumeTrue(Files.size(bench.image()) > 64L * MIB, "the file system cannot allocate");

        bench.undisturbed().run("saved");

        assertThat(bench.notices).anyMatch(line -> line.startsWith("going on from byte "));
        assertThat(Files.size(bench.image())).isLessThan(2L * DATA_SIZE);
        bench.assertHolds("saved");
    }

    @Test
    void anAbandonedImportGivesBackWhatItHadAllocated() throws Exception {
        bench.stopAt(8L * MIB);
        bench.fail("saved");

        HOME.context().abandonment().abandon(bench.record().id());

        bench.assertSpaceGivenBack();
    }
}
