package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;

/** Imports of streams whose length shows only at their end, and that can be read from their start only. */
@Timeout(1200)
class CompressedImportTest {
    private static final int MIB = ImportBench.MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    @Sampled
    @ParameterizedTest
    @EnumSource(Codec.class)
    void aCompressedDumpIsImportedAndRecognisedAfterwards(Codec codec) throws Exception {
        ImportBench bench = HOME.bench().compressed(codec);
        String before = RawBytes.sha256(bench.dump());

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.facts().devices()).as("known at the end").isNotEmpty();
        assertThat(bench.warnings).isEmpty();
        bench.assertHolds("saved");
        assertThat(bench.record().bytes()).isEqualTo(outcome.vmStateSize());
        assertThat(RawBytes.sha256(bench.dump())).isEqualTo(before);
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
    }

    @Test
    void aRestartDecodesAgainAndWritesOnlyWhatIsNotProven() throws Exception {
        ImportBench bench = HOME.bench().withInflatedDump(12, 7).compressed(Codec.GZIP);
        bench.stopped("saved", 6L * MIB);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(bench.notices).anyMatch(notice -> notice.startsWith("going on from byte "));
        assertThat(outcome.bytesWritten()).isLessThan(8L * MIB);
        bench.assertHolds("saved");
    }

    @Test
    void aFailedPublishIsCompletedWithoutWritingTheStreamAgain() throws Exception {
        ImportBench bench = HOME.bench().withInflatedDump(3, 7).compressed(Codec.ZSTD);
        bench.onPublish = () -> bench.stop.request();
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        bench.undisturbed();

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.bytesWritten()).isZero();
        bench.assertHolds("saved");
    }

    @Test
    void aNewImageIsMadeForACompressedDump() throws Exception {
        ImportBench bench = HOME.bench().compressed(Codec.ZSTD).withNewImage(0, 65536);

        bench.run("saved");

        bench.assertHolds("saved");
    }

    @Test
    void damageInTheMiddleLeavesTheImageAsItWas() throws Exception {
        ImportBench bench = HOME.bench().withInflatedDump(4, 7).compressed(Codec.GZIP);
        byte[] coded = Files.readAllBytes(bench.dump());
        Files.write(bench.dump(), Arrays.copyOf(coded, coded.length - 1000));
        String before = RawBytes.sha256(bench.image());

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(failure.offset()).isEqualTo(coded.length - 1000);
        assertThat(failure).hasMessageContaining("cut off");
        assertThat(RawBytes.sha256(bench.image())).as("all was given back").isEqualTo(before);
    }

    @Test
    void anotherStateUnderTheNameIsAConflict() throws Exception {
        ImportBench bench = HOME.bench().compressed(Codec.GZIP);
        bench.run("saved");
        byte[] other = MigrationStreamBuilder.valid().build();
        Files.write(bench.dump(), Compressed.with(Codec.GZIP, other));
        bench.setTimes(ImportBench.SAVED_AT);

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.CONFLICT);
    }
}
