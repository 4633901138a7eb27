package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;

/** A large state that is written past the page cache gets its blocks ahead of the writes. */
class ImportGrowthTest {
    private static final int MIB = ImportBench.MIB;
    private static final long DUMP_SIZE = 300L * MIB;
    private static final int DATA_SIZE = 20 * MIB;
    /** No image becomes as long by what is written to it. */
    private static final long ALLOCATED_MIN = 64L * MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void takeADumpThatIsMostlyZeros() throws Exception {
        FileSystemProbe.assumeWritesDirectly(HOME.folder());
        FileSystemProbe.assumeAllocates(HOME.folder());
        assumeTrue(
                Files.getFileStore(HOME.folder()).getUsableSpace() > 1024L * MIB,
                "less space than an import leaves to others");
        bench = HOME.bench().withSparseDump(DUMP_SIZE, DATA_SIZE, 1);
        bench.io = IoMode.DIRECT;
    }

    @Test
    void whatTheZerosDidNotNeedIsCutBeforeTheSwitch() throws Exception {
        ImportBench cached = HOME.bench().withSparseDump(DUMP_SIZE, DATA_SIZE, 1);
        cached.io = IoMode.CACHED;
        cached.run("saved");
        SizeBeforeTheCut before = new SizeBeforeTheCut(bench.image());
        bench.access = WatchedImageFile.by(before);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.io()).isEqualTo(IoMode.DIRECT);
        assertThat(before.size).isGreaterThan(ALLOCATED_MIN);
        assertThat(Files.size(bench.image())).isEqualTo(Files.size(cached.image()));
        bench.assertHolds("saved");
    }

    @Sampled
    @ParameterizedTest
    @EnumSource(
            value = IoMode.class,
            names = {"DIRECT", "CACHED"})
    void aRestartGoesOnInAnImageThatHasMoreBlocksThanDataAndCutsThem(IoMode restarted) throws Exception {
        bench.stopAt(8L * MIB);
        bench.fail("saved");
        bench.io = restarted;
        assertThat(Files.size(bench.image())).isGreaterThan(ALLOCATED_MIN);

        bench.undisturbed().run("saved");

        assertThat(bench.notices).anyMatch(line -> line.startsWith("going on from byte "));
        assertThat(Files.size(bench.image())).isLessThan(2L * DATA_SIZE);
        bench.assertHolds("saved");
    }

    @Thorough
    @Test
    void anImageThatIsNotLockedGetsNoBlocksAheadAndIsNotCut() throws Exception {
        bench.lock = false;
        long others = 200L * MIB;
        bench.onTransferred = done -> {
            if (done >= 8L * MIB) {
                lengthen(bench.image(), others);
            }
        };

        bench.run("saved");

        assertThat(Files.size(bench.image())).isEqualTo(others);
        bench.assertHolds("saved");
    }

    private static void lengthen(Path file, long size) {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.setLength(Math.max(opened.length(), size));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void anAbandonedImportGivesBackWhatItHadAllocated() throws Exception {
        bench.stopAt(8L * MIB);
        bench.fail("saved");
        assertThat(Files.size(bench.image())).isGreaterThan(ALLOCATED_MIN);

        HOME.context().abandonment().abandon(bench.record().id());

        bench.assertSpaceGivenBack();
    }

    private static final class SizeBeforeTheCut implements Watcher {
        private final Path image;
        private volatile long size;

        private SizeBeforeTheCut(Path image) {
            this.image = image;
        }

        @Override
        public void before(Call call, long offset) {
            if (call == Call.TRUNCATE) {
                size = Math.max(size, image.toFile().length());
            }
        }
    }
}
