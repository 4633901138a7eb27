package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.FileSystemProbe;

/** Where the image cannot have the dump's blocks, the state is written although that was not asked for. */
class ReflinkFallbackTest {
    private static final int DUMP_SIZE = 20 * ImportBench.MIB + 12345;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void askForTheDumpsBlocks() throws Exception {
        bench = HOME.bench().withOpaqueDump(DUMP_SIZE, 1);
        bench.io = IoMode.REFLINK;
    }

    @Test
    void elsewhereTheDataIsWrittenAndThatIsSaid() throws Exception {
        FileSystemProbe.assumeSharesNoBlocks(bench.image().getParent());

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.io()).isEqualTo(IoMode.CACHED);
        assertThat(bench.notices).anyMatch(line -> line.endsWith("cluster size: using the page cache"));
        bench.assertHolds("saved");
    }

    @Test
    void compressedDataIsWrittenAndThatIsSaid() throws Exception {
        bench.compression = Compression.IMAGE;

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.io()).isEqualTo(IoMode.CACHED);
        assertThat(bench.notices).contains("compressed data cannot have the dump's blocks: using the page cache");
        bench.assertHolds("saved");
    }
}
