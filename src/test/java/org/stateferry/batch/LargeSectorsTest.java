package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.SmallDisk;

/** On a disk with sectors of 4 KiB nothing smaller is written past the page cache, the header's 512 bytes least of all. */
class LargeSectorsTest {
    private static final int MIB = ImportBench.MIB;
    private static final int DUMP_SIZE = 5 * MIB + 12345;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    @TempDir
    Path folder;

    private SmallDisk disk;
    private ImportBench bench;

    @BeforeEach
    void mountADiskWithLargeSectors() throws Exception {
        disk = SmallDisk.mountLargeSectors(folder.resolve("disk"), 64L * MIB);
        bench = new ImportBench(HOME.home(), HOME.context(), folder.resolve("disk")).withOpaqueDump(DUMP_SIZE, 1);
        bench.io = IoMode.DIRECT;
    }

    @AfterEach
    void unmountIt() {
        if (disk != null) {
            disk.close();
        }
    }

    @Test
    void anImportPastThePageCacheSucceeds() throws Exception {
        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.io()).isEqualTo(IoMode.DIRECT);
        bench.assertHolds("saved");
        bench.assertOldClustersUntouched();
    }

    @Test
    void anImageWithSmallerClustersIsWrittenThroughThePageCache() throws Exception {
        bench.withNewImage(MIB, 512);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.io()).isEqualTo(IoMode.CACHED);
        assertThat(bench.notices)
                .anyMatch(line -> line.contains("direct access needs clusters of 4096 bytes at least"));
        bench.assertHolds("saved");
    }
}
