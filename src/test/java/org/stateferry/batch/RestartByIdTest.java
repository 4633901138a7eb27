package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.springframework.batch.core.BatchStatus;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.ImportRequest;
import org.stateferry.repository.ImportParameters;
import org.stateferry.repository.ImportRecord;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.RawBytes;

/** An import that is named by its ID is that very import, or none. */
class RestartByIdTest {
    private static final int MIB = ImportBench.MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOpaqueDump(12 * MIB, 1);
    }

    private ImportOutcome restart(long id) throws StateferryException {
        return bench.service().restart(id, bench, bench.stop);
    }

    private StateferryException refused(long id) throws Exception {
        List<ImportRecord> records = bench.records();
        String image = RawBytes.sha256(bench.image());
        StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> restart(id));
        assertThat(refusal).isNotNull();
        assertThat(bench.records()).isEqualTo(records);
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(image);
        return refusal;
    }

    @Test
    void itGoesOnWithTheOptionsItWasStartedWith() throws Exception {
        bench.io = IoMode.CACHED;
        bench.verify = true;
        bench.strict = true;
        long id = bench.stopped("saved", 5L * MIB);

        ImportRequest request = bench.service().requestOf(id);
        ImportOutcome outcome = restart(id);

        assertThat(request)
                .isEqualTo(new ImportRequest(
                        bench.dump(),
                        bench.image(),
                        "saved",
                        new ImportOptions(
                                new DumpChoice(DumpFormat.OPAQUE, 0),
                                IoMode.CACHED,
                                Compression.NONE,
                                true,
                                false,
                                true,
                                true,
                                0)));
        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.importId()).isEqualTo(id);
        assertThat(bench.notices).singleElement().asString().startsWith("going on from byte");
        assertThat(bench.record().attempts()).hasSize(2);
        bench.assertHolds("saved");
    }

    @Test
    void itGoesByTheOptionsOfTheLastAttempt() throws Exception {
        bench.stopped("saved", 2L * MIB);
        bench.verify = true;
        long id = bench.stopped("saved", 5L * MIB);

        assertThat(bench.service().requestOf(id).options().verify()).isTrue();
    }

    @Test
    void aCompleteOneIsAlreadyImported() throws Exception {
        long id = bench.run("saved").importId();

        ImportOutcome again = restart(id);

        assertThat(again.state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(again.importId()).isEqualTo(id);
        assertThat(bench.record().attempts()).hasSize(1);
    }

    @Test
    void aCompleteOneWhoseSnapshotIsGoneIsNotAnother() throws Exception {
        Path before = TestFiles.save(bench.image());
        long id = bench.run("saved").importId();
        TestFiles.restore(before, bench.image());

        StateferryException refusal = refused(id);

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(refusal.problem()).contains("COMPLETED", "does not hold its snapshot");
    }

    @Test
    void anAbandonedOneIsNotAnother() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        HOME.context().abandonment().abandon(id);

        assertThat(refused(id).problem()).contains("ABANDONED");
    }

    @Test
    void aChangedDumpIsNotTheImportsAnyMore() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        bench.withOpaqueDump(12 * MIB, 2);

        StateferryException refusal = refused(id);

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(refusal.file()).isEqualTo(bench.dump());
        assertThat(refusal.problem()).isEqualTo("the dump has changed since import " + id + " began");
    }

    @Test
    void aDamagedDumpThatHasChangedIsImportedAsItIsNowUnderAnIdOfItsOwn() throws Exception {
        bench = HOME.bench().withInflatedDump(2, 3);
        byte[] sound = Files.readAllBytes(bench.dump());
        Files.write(bench.dump(), Arrays.copyOf(sound, MIB));
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.DUMP_INVALID);
        long failed = bench.record().id();
        Files.write(bench.dump(), sound);

        ImportOutcome outcome = restart(failed);

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.importId()).isGreaterThan(failed);
        assertThat(bench.notices)
                .contains(
                        "the dump was damaged and has changed since: this is another import, of the dump as it is now");
        bench.assertHolds("saved");
    }

    @Test
    void aPathThatLeadsElsewhereIsNotTheImportsAnyMore() throws Exception {
        long id = bench.stopped("saved", 5L * MIB);
        Path moved = bench.image().resolveSibling("moved.qcow2");
        Files.move(bench.image(), moved);
        Files.createSymbolicLink(bench.image(), moved);

        assertThat(refused(id).kind()).isEqualTo(FailureKind.CONFLICT);
    }

    @Test
    void anUnknownIdIsAMisuseAndAnotherHomesImportIsThatHomesAffair() throws Exception {
        ImportIdentity foreign = new ImportIdentity("another home", bench.image(), bench.dump(), "n", "f");
        long id = TestImports.execution(
                        HOME.context().jobRepository(), ImportParameters.identifying(foreign, 1), BatchStatus.FAILED)
                .getJobInstanceId();

        assertThat(refused(id).kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(refused(999_999).kind()).isEqualTo(FailureKind.USAGE);
    }
}
