package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.TickerDump;

/** The warning that a disk is newer than the dump: others' writes count, an import's own do not. */
class StaleDiskTest {
    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench();
    }

    private void touchImage(Instant time) throws Exception {
        TestFiles.setTime(bench.image(), time);
    }

    private String warning(Instant modified) {
        return "the image " + bench.image() + " was modified at " + modified + ", after the dump was written at "
                + ImportBench.SAVED_AT + ": its disk may no longer fit the saved state";
    }

    @Test
    void aNewerDiskIsAWarningThatIsKept() throws Exception {
        Instant later = ImportBench.SAVED_AT.plusSeconds(600);
        touchImage(later);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(bench.warnings).containsExactly(warning(later));
        assertThat(outcome.warnings()).containsExactly(warning(later));
        assertThat(bench.record().warnings()).containsExactly(warning(later));
    }

    @Test
    void twoSecondsAreNoDifference() throws Exception {
        bench.strict = true;
        touchImage(ImportBench.SAVED_AT.plusSeconds(2));
        bench.run("saved");
        assertThat(bench.warnings).isEmpty();
    }

    @Test
    void anOlderDiskIsNoWarning() throws Exception {
        bench.strict = true;
        touchImage(ImportBench.SAVED_AT.minusSeconds(86_400));
        bench.run("saved");
        assertThat(bench.warnings).isEmpty();
    }

    @Test
    void whoIsStrictIsRefusedAndNothingIsWritten() throws Exception {
        Instant later = ImportBench.SAVED_AT.plusSeconds(600);
        touchImage(later);
        bench.strict = true;
        String before = RawBytes.sha256(bench.image());

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(failure.problem()).isEqualTo(warning(later));
        assertThat(bench.record().firstError().kind()).isEqualTo("conflict");
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertThat(Files.getLastModifiedTime(bench.image()).toInstant()).isEqualTo(later);
        assertThat(bench.journal()).doesNotExist();

        bench.strict = false;
        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);
    }

    @Test
    void anImportDoesNotMakeTheDiskNewerForTheNext() throws Exception {
        bench.strict = true;
        for (int number = 1; number <= 3; number++) {
            bench.run("saved " + number);
            TickerDump.withCounter(TestFiles.save(bench.dump()), bench.dump(), 100 * number);
            TestFiles.setTime(bench.dump(), ImportBench.SAVED_AT);
        }
        assertThat(bench.warnings).isEmpty();
        bench.assertSound();
    }

    @Test
    void theWarningStaysWhenTheImportOfTheNewerDiskIsRepeatedWithAnotherDump() throws Exception {
        Instant later = ImportBench.SAVED_AT.plusSeconds(600);
        touchImage(later);
        bench.run("first");
        bench.warnings.clear();
        TickerDump.withCounter(TestFiles.save(bench.dump()), bench.dump(), 700);
        TestFiles.setTime(bench.dump(), ImportBench.SAVED_AT);

        bench.run("second");

        assertThat(bench.warnings).containsExactly(warning(later));
    }

    @Test
    void anOlderCopyPutBackIsAsOldAsItsTimeSays() throws Exception {
        Path older = TestFiles.save(bench.image());
        touchImage(ImportBench.SAVED_AT.plusSeconds(600));
        bench.run("saved");
        TestFiles.restore(older, bench.image());
        bench.undisturbed();
        bench.strict = true;

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.warnings).isEmpty();
    }

    @Test
    void neitherAStopNorAnAttemptThatWasGivenUpMakesTheDiskNewer() throws Exception {
        bench.strict = true;
        bench.withOpaqueDump(3 * ImportBench.MIB, 1).stopAt(ImportBench.MIB);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        bench.undisturbed();
        bench.onTransferred = done -> append(bench.dump());
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.DUMP_INVALID);
        bench.undisturbed();
        TestFiles.setTime(bench.dump(), ImportBench.SAVED_AT);

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.warnings).isEmpty();
        bench.assertHolds("saved");
    }

    private static void append(Path file) {
        try {
            Files.write(file, new byte[1], StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aGuestThatRanAfterTheImportMakesTheDiskNewer() throws Exception {
        bench.run("first");
        Instant written = Instant.ofEpochSecond(Instant.now().getEpochSecond() + 60);
        touchImage(written);
        TickerDump.withCounter(TestFiles.save(bench.dump()), bench.dump(), 700);
        TestFiles.setTime(bench.dump(), ImportBench.SAVED_AT);

        bench.run("second");

        assertThat(bench.warnings).containsExactly(warning(written));
    }
}
