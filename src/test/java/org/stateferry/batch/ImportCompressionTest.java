package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

/** What is stored in one form or the other is proven by what it reads back as. */
class ImportCompressionTest {
    private static final int MIB = ImportBench.MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    @ParameterizedTest
    @CsvSource({"NONE, IMAGE", "IMAGE, NONE", "IMAGE, IMAGE"})
    void goesOnWhateverTheAttemptBeforeHasStored(Compression first, Compression second) throws Exception {
        ImportBench bench = HOME.bench().withOpaqueDump(ClusterContent.mixedStream(12 * MIB + 4711, 300_000, 5));
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

    @Test
    void anImageWithRefcountsOfTwoBitsGetsTheStateAsItIs() throws Exception {
        ImportBench bench = HOME.bench().withOpaqueDump(ClusterContent.mixedStream(2 * MIB, 300_000, 9));
        Qcow2ImageBuilder.version3(16, 1, MIB).build().saveTo(bench.image());
        bench.setTimes(ImportBench.SAVED_AT);
        bench.compression = Compression.IMAGE;

        bench.run("saved");

        assertThat(bench.notices).anyMatch(notice -> notice.contains("too narrow for compressed clusters"));
        bench.assertHolds("saved");
        assertJudgedClean(bench);
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void verifyNoticesWhatTheDiskDidNotKeep(Compression compression) throws Exception {
        ImportBench bench = HOME.bench().withOpaqueDump(ClusterContent.mixedStream(5 * MIB, 300_000, 7));
        bench.compression = compression;
        bench.verify = true;
        bench.onPublish = () -> spoil(bench.image(), 2 * MIB);

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.VERIFICATION);
        assertThat(failure.problem()).startsWith("the vmstate does not read back as it was written, from its byte ");
        assertThat(bench.snapshotNames()).isEmpty();
    }

    /** By another process: closing the file in this one would drop the import's lock. */
    private static void spoil(Path image, long offset) {
        RunningCommand.run(
                        Duration.ofSeconds(10),
                        List.of(
                                "dd",
                                "if=/dev/urandom",
                                "of=" + image,
                                "bs=64",
                                "count=1",
                                "oflag=seek_bytes",
                                "seek=" + offset,
                                "conv=notrunc"))
                .requireSuccess();
    }

    private static void assertJudgedClean(ImportBench bench) {
        QemuTools.assumeAvailable();
        QemuImg.CheckReport report = QemuImg.check(bench.image());
        assertThat(report.corruptions() + report.leaks() + report.checkErrors())
                .as(report.output())
                .isZero();
    }
}
