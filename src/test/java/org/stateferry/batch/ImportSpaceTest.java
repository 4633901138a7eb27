package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.source.codec.Codec;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.SmallDisk;
import org.stateferry.testing.TickerDump;

/** Whether there is room is decided by what a dump needs in the image, and that before a byte of the image changes. */
class ImportSpaceTest {
    private static final int MIB = ImportBench.MIB;
    private static final long DUMP_SIZE = 64L * MIB;

    @TempDir
    Path folder;

    private SmallDisk disk;
    private BatchContext context;
    private ImportBench bench;

    @BeforeEach
    void mountASmallDisk() throws Exception {
        disk = SmallDisk.mount(folder.resolve("disk"), 16 * MIB);
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        context = BatchContext.start(home, Map.of());
        bench = new ImportBench(home, context, folder.resolve("disk"));
    }

    @AfterEach
    void unmountIt() {
        context.close();
        disk.close();
    }

    @Test
    void aDumpThatIsLongerThanTheDiskFitsIfItIsMostlyZeros() throws Exception {
        bench.withSparseDump(DUMP_SIZE, 3 * MIB, 1);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.vmStateSize()).isEqualTo(DUMP_SIZE);
        assertThat(outcome.bytesWritten()).isEqualTo(3 * MIB);
        bench.assertHolds("saved");
    }

    @Test
    void itIsRefusedIfWhatIsNotZeroIsTooMuch() throws Exception {
        bench.withSparseDump(DUMP_SIZE, 9 * MIB, 1);
        String before = RawBytes.sha256(bench.image());

        StateferryException refusal = bench.fail("saved");

        assertThat(refusal.kind()).isEqualTo(FailureKind.NO_SPACE);
        assertThat(refusal.problem()).matches("the import needs \\d+ more bytes on the file system, which has \\d+");
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
    }

    @Test
    void aStreamOfUnknownLengthStopsBeforeTheDiskIsFull() throws Exception {
        TickerDump.inflated(
                Path.of("src/demo/ticker.vmstate"), bench.dump(), 14, page -> Arrays.fill(page, (byte) 0x5a), false);
        bench.compressed(Codec.GZIP);

        StateferryException refusal = bench.fail("saved");

        assertThat(refusal.kind()).isEqualTo(FailureKind.NO_SPACE);
        assertThat(refusal.problem()).startsWith("after ");
        assertThat(Files.getFileStore(bench.image()).getUsableSpace()).isPositive();
        bench.assertSound();
    }

    @Test
    void ifBlocksCannotBeSharedItIsRefusedBeforeAnyIsWritten() throws Exception {
        bench.withOpaqueDump(9 * MIB, 1);
        bench.io = IoMode.REFLINK; // which this file system cannot do
        String before = RawBytes.sha256(bench.image());

        StateferryException refusal = bench.fail("saved");

        assertThat(refusal.kind()).isEqualTo(FailureKind.NO_SPACE);
        assertThat(bench.warnings).anyMatch(line -> line.endsWith("if the image cannot have the dump's blocks"));
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
    }

    @Test
    void whenItIsToBeCompressedTheOperatorIsWarnedOnly() throws Exception {
        bench.withSparseDump(DUMP_SIZE, 3 * MIB, 1);
        bench.compression = Compression.IMAGE;

        bench.run("saved");

        assertThat(bench.warnings).singleElement().asString().endsWith("if the state cannot be compressed");
        bench.assertHolds("saved");
    }
}
