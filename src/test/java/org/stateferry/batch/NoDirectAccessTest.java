package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.SmallDisk;

/** A file system that refuses direct access is no reason to fail. */
class NoDirectAccessTest {
    private static final int MIB = ImportBench.MIB;
    private static final int CLUSTER_BITS = 16;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    @TempDir
    Path folder;

    private SmallDisk disk;

    @AfterEach
    void unmountIt() {
        if (disk != null) {
            disk.close();
        }
    }

    @Test
    void whoAskedForItHearsThatThePageCacheIsUsed() throws Exception {
        disk = SmallDisk.mountWithoutDirectAccess(folder.resolve("disk"));
        ImportBench bench =
                new ImportBench(HOME.home(), HOME.context(), folder.resolve("disk")).withOpaqueDump(5 * MIB, 1);
        // With free clusters for all of it, as the file system says that the file cannot grow.
        MemoryImageFile image = Qcow2ImageBuilder.version3(CLUSTER_BITS, 4, MIB)
                .gap(400)
                .write(0, 1)
                .build();
        image.saveTo(bench.image());
        bench.io = IoMode.DIRECT;

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.io()).isEqualTo(IoMode.CACHED);
        assertThat(bench.notices).contains("the file system refuses direct access: using the page cache");
        bench.assertHolds("saved");
    }
}
