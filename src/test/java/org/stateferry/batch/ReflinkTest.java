package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.SmallDisk;

/** Where dump and image lie on one file system that shares blocks, the state gets into the image without being moved. */
class ReflinkTest {
    private static final int MIB = ImportBench.MIB;
    private static final int DUMP_SIZE = 20 * MIB + 12345;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    @TempDir
    Path folder;

    private SmallDisk disk;
    private ImportBench bench;

    @BeforeEach
    void mountADiskThatSharesBlocks() throws Exception {
        disk = SmallDisk.mountXfs(folder.resolve("disk"));
        bench = new ImportBench(HOME.home(), HOME.context(), folder.resolve("disk")).withOpaqueDump(DUMP_SIZE, 1);
        bench.io = IoMode.REFLINK;
    }

    @AfterEach
    void unmountIt() {
        if (disk != null) {
            disk.close();
        }
    }

    @Test
    void theImageReadsAsTheDump() throws Exception {
        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.io()).isEqualTo(IoMode.REFLINK);
        bench.assertHolds("saved");
    }

    @Test
    void aStateIsImportedForWhichThereIsNoSpace() throws Exception {
        force(bench.dump());
        disk.fill(8 * MIB);

        bench.run("saved");

        assertThat(bench.warnings).singleElement().asString().endsWith("if the image cannot have the dump's blocks");
        bench.assertHolds("saved");
    }

    @Test
    void writingToTheDumpAfterwardsLeavesTheImageAsItIs() throws Exception {
        bench.run("saved");
        String image = RawBytes.sha256(bench.image());

        try (FileChannel dump = FileChannel.open(bench.dump(), StandardOpenOption.WRITE)) {
            dump.write(ByteBuffer.allocate(DUMP_SIZE), 0);
            dump.force(true);
        }

        assertThat(RawBytes.sha256(bench.image())).isEqualTo(image);
    }

    @Test
    void aRestartGoesOnBehindTheBlocksThatAreShared() throws Exception {
        bench.stopAt(12L * MIB);
        bench.fail("saved");

        bench.undisturbed().run("saved");

        assertThat(bench.notices).anyMatch(line -> line.startsWith("going on from byte "));
        bench.assertHolds("saved");
    }

    @Test
    void clustersOfZerosStillTakeNoSpace() throws Exception {
        bench.withSparseDump(40L * MIB, 3 * MIB, 1);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.bytesWritten()).isEqualTo(3L * MIB);
        bench.assertHolds("saved");
    }

    /** Only what is on the disk counts as taken. */
    private static void force(Path file) throws Exception {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }
}
