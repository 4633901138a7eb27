package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.repository.ImportRecord;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.RawBytes;

/** What an unfinished import has written is given back, as far as the image is still the one it was. */
class ImportAbandonmentTest {
    private static final int MIB = ImportBench.MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOpaqueDump(12 * MIB, 1);
    }

    private static AbandonOutcome abandon(long id) throws StateferryException {
        return HOME.context().abandonment().abandon(id);
    }

    private static AbandonOutcome abandon(long id, FileAccess access) throws StateferryException {
        return new ImportAbandonment(HOME.home(), HOME.context().jobRepository(), access).abandon(id);
    }

    private static StateferryException refused(long id) {
        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> abandon(id));
        assertThat(refusal).isNotNull();
        return refusal;
    }

    @Test
    void theImageIsAsLongAsItWasAndTheSameImportIsAnotherOne() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        long appended = Files.size(bench.image());

        AbandonOutcome outcome = abandon(id);

        bench.assertSpaceGivenBack();
        assertThat(outcome.remark()).isNull();
        assertThat(outcome.bytesGivenBack()).isEqualTo(appended - Files.size(bench.image()));
        ImportRecord record = bench.record();
        assertThat(record.status()).isEqualTo("ABANDONED");
        assertThat(record.ended()).isNotNull();
        assertThat(record.unfinishedBytes()).isNull();
        assertThat(record.firstError().kind()).isEqualTo("interrupted");

        bench.strict = true; // it is we who have modified the image since the dump was written
        ImportOutcome anew = bench.run("saved");

        assertThat(anew.state()).isEqualTo(State.IMPORTED);
        assertThat(anew.importId()).isNotEqualTo(id);
        assertThat(bench.notices).isEmpty();
        assertThat(bench.warnings).isEmpty();
        assertThat(bench.records()).extracting(ImportRecord::status).containsExactly("COMPLETED", "ABANDONED");
        assertThat(bench.run("saved").importId()).isEqualTo(anew.importId());
        bench.assertHolds("saved");
    }

    @Test
    void anImageThatLiesElsewhereIsNotTouched(@TempDir Path elsewhere) throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        byte[] before = Files.readAllBytes(bench.image());
        ImportAbandonment abandonment = HOME.context().abandonment();

        assertThatThrownBy(() -> abandonment.abandon(id, FileRoots.of(List.of(elsewhere))))
                .isInstanceOfSatisfying(
                        StateferryException.class, e -> assertThat(e.kind()).isEqualTo(FailureKind.USAGE));
        assertThat(bench.record().status()).isEqualTo("STOPPED");
        assertThat(bench.image()).hasBinaryContent(before);

        abandonment.abandon(id, FileRoots.of(List.of(bench.image().getParent())));
        bench.assertSpaceGivenBack();
    }

    @Test
    void toAbandonAgainChangesNothing() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        abandon(id);
        ImportRecord record = bench.record();

        assertThat(abandon(id)).isEqualTo(new AbandonOutcome(0, null));

        assertThat(bench.record()).isEqualTo(record);
        bench.assertSpaceGivenBack();
    }

    @Test
    void anImportWhoseProcessWasKilledIsAbandoned() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        JobExecution last = HOME.context()
                .jobRepository()
                .getJobExecution(bench.record().attempts().get(0).id());
        last.setStatus(BatchStatus.STARTED);
        last.setEndTime(null);
        HOME.context().jobRepository().update(last);

        abandon(id);

        assertThat(bench.record().status()).isEqualTo("ABANDONED");
        assertThat(bench.record().ended()).isNotNull();
        bench.assertSpaceGivenBack();
    }

    @Test
    void anImportThatHasWrittenNothingIsAbandoned() throws Exception {
        bench.onPrepare = () -> bench.stop.request();
        bench.fail("saved");

        assertThat(abandon(bench.record().id())).isEqualTo(new AbandonOutcome(0, null));

        assertThat(bench.record().status()).isEqualTo("ABANDONED");
    }

    @Test
    void aMissingImageKeepsNothingFromBeingAbandoned() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        Path journal = bench.journal();
        Files.delete(bench.image());

        assertThat(abandon(id).remark())
                .isEqualTo("the image " + bench.image() + " is not there; what the import appended to it stays");

        assertThat(bench.record().status()).isEqualTo("ABANDONED");
        assertThat(journal).doesNotExist();
    }

    @Test
    void aFileThatHasTakenTheImagesPlaceIsNotTouched() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        Path copy = TestFiles.save(bench.image());
        Files.delete(bench.image());
        Files.move(copy, bench.image());
        String before = RawBytes.sha256(bench.image());

        AbandonOutcome outcome = abandon(id);

        assertThat(outcome.remark()).startsWith("another file has taken the place of the image");
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertThat(bench.record().status()).isEqualTo("ABANDONED");
        assertThat(bench.journal()).doesNotExist();
    }

    @Test
    void anImageInUseKeepsTheImportAsItIs() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        ImportRecord record = bench.record();
        try (OpenImage used = OpenImages.openForUpdate(bench.image(), OpenImages.Locking.EXCLUSIVE)) {
            assertThat(refused(id).kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
        }
        assertThat(bench.record()).isEqualTo(record);
        assertThat(record.unfinishedBytes()).isNotNull();
        assertThat(bench.run("saved").importId()).isEqualTo(id);
    }

    @Test
    void aCompleteImportIsNotAbandoned() throws Exception {
        long id = bench.run("saved").importId();

        assertThat(refused(id).kind()).isEqualTo(FailureKind.USAGE);

        assertThat(bench.record().status()).isEqualTo("COMPLETED");
        bench.assertHolds("saved");
    }

    @Test
    void anUnknownIdIsAMisuse() {
        assertThat(refused(999_999).kind()).isEqualTo(FailureKind.USAGE);
    }

    @Test
    void theWorkOfAnotherImportIntoTheImageStays() throws Exception {
        long first = bench.stopped("first", 3L * MIB);
        long second = bench.stopped("second", 5L * MIB);

        assertThat(abandon(first)).isEqualTo(new AbandonOutcome(0, null));

        assertThat(bench.run("second").importId()).isEqualTo(second);
        assertThat(bench.notices).singleElement().asString().startsWith("going on from byte");
    }

    @Test
    void aStrangersWriteIsNotExplainedAway() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        TestFiles.setTime(bench.image(), Instant.now().plusSeconds(60));

        abandon(id);

        bench.assertSpaceGivenBack();
        bench.run("saved");
        assertThat(bench.warnings).singleElement().asString().contains("was modified at");
    }

    @ParameterizedTest(name = "by somebody else: {0}")
    @ValueSource(booleans = {false, true})
    void whoHasModifiedTheImageLastIsKnownAlsoIfTheAbandonmentWasKilledAfterTheCut(boolean other) throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        bench.makeOld(bench.image());
        if (other) {
            TestFiles.setTime(bench.image(), ImportBench.SAVED_AT.plusSeconds(600));
        }
        FileAccess killing = WatchedImageFile.of(bench.image(), WatchedImageFile.endingAfter(Call.TRUNCATE));
        assertThatThrownBy(() -> abandon(id, killing)).hasMessageContaining("dead");

        abandon(id);

        bench.assertSpaceGivenBack();
        bench.run("saved");
        assertThat(bench.warnings).hasSize(other ? 1 : 0);
    }

    @Test
    void whatWasWrittenWithoutALockStays() throws Exception {
        bench.lock = false;
        long id = bench.stopped("saved", 5L * MIB);
        String before = RawBytes.sha256(bench.image());

        assertThat(abandon(id).remark()).contains("without a lock");

        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertThat(bench.record().status()).isEqualTo("ABANDONED");
    }

    @Test
    void aDamagedImageKeepsItsLength() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        TestFiles.flipByte(bench.image(), 0);
        String before = RawBytes.sha256(bench.image());

        AbandonOutcome outcome = abandon(id);

        assertThat(outcome.bytesGivenBack()).isZero();
        assertThat(outcome.remark()).isNotNull();
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertThat(bench.record().status()).isEqualTo("ABANDONED");
    }

    @Test
    void aSnapshotThatIsThereAlreadyStays() throws Exception {
        bench.access = WatchedImageFile.by(new Watcher() {
            private boolean switched;

            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (switched && call == Call.FORCE) {
                    throw StateferryException.in(FailureKind.IO, bench.image(), "injected");
                }
                switched |= call == Call.WRITE && offset == 0;
            }
        });
        assertThat(bench.fail("saved").problem()).isEqualTo("injected");
        bench.undisturbed();
        Files.write(bench.image(), new byte[MIB], StandardOpenOption.APPEND); // what an attempt before has left
        List<Call> calls = new ArrayList<>();

        AbandonOutcome outcome =
                abandon(bench.record().id(), WatchedImageFile.of(bench.image(), WatchedImageFile.recording(calls)));

        assertThat(calls)
                .as("nothing is cut by a header that is not made sure of")
                .containsExactly(Call.WRITE, Call.FORCE, Call.TRUNCATE, Call.FORCE);
        assertThat(outcome.remark()).contains("holds the snapshot \"saved\" already");
        assertThat(bench.record().status()).isEqualTo("ABANDONED");
        bench.assertHolds("saved");
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
    }
}
