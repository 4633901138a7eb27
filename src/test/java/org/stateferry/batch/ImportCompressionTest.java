package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.FailureKind;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;

/** An attempt goes on from what is proven, whatever form the one before has stored it in. */
class ImportCompressionTest {
    private static final int MIB = ImportBench.MIB;

    @TempDir
    static Path folder;

    private static StateferryHome home;
    private static BatchContext context;

    @BeforeAll
    static void startContext() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        context = BatchContext.start(home, Map.of());
    }

    @AfterAll
    static void closeContext() {
        context.close();
    }

    @ParameterizedTest
    @CsvSource({"NONE, IMAGE", "IMAGE, NONE", "IMAGE, IMAGE"})
    void goesOnWhateverTheAttemptBeforeHasStored(Compression first, Compression second) throws Exception {
        ImportBench bench = new ImportBench(home, context, folder)
                .withOpaqueDump(ClusterContent.mixedStream(12 * MIB + 4711, 300_000, 5));
        bench.verify = true;
        bench.compression = first;
        bench.stopAt(6L * MIB);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        bench.undisturbed();
        bench.compression = second;

        ImportOutcome outcome = bench.run("saved");

        assertThat(bench.notices)
                .containsExactly("going on from byte " + 6 * MIB + ", which is proven to be in the image");
        assertThat(outcome.bytesWritten()).isLessThan(6 * MIB);
        bench.assertHolds("saved");
        assertJudgedClean(bench);
    }

    private static void assertJudgedClean(ImportBench bench) {
        QemuTools.assumeAvailable();
        QemuImg.CheckReport report = QemuImg.check(bench.image());
        assertThat(report.corruptions() + report.leaks() + report.checkErrors())
                .as(report.output())
                .isZero();
    }
}
