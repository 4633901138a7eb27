package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.ImportProgress;
import org.stateferry.repository.ImportRecord;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.TickerDump;

/** What an import comes to that nobody disturbs, the first time and again. */
class ImportJobTest {
    private static final int MIB = ImportBench.MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench();
    }

    @Test
    void theDemoIsImported() throws Exception {
        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.snapshotId()).isEqualTo("1");
        assertThat(outcome.vmStateSize()).isEqualTo(Files.size(bench.dump()));
        assertThat(outcome.bytesWritten()).isEqualTo(10 * 65536);
        assertThat(outcome.warnings()).isEmpty();
        assertThat(bench.steps).containsExactly("prepare", "transfer", "publish");
        bench.assertHolds("saved");
        bench.assertOldClustersUntouched();
        ImportRecord record = bench.record();
        assertThat(record.id()).isEqualTo(outcome.importId());
        assertThat(record.status()).isEqualTo("COMPLETED");
        assertThat(record.bytes()).isEqualTo(Files.size(bench.dump()));
        assertThat(record.bytesWritten()).isEqualTo(10 * 65536);
        assertThat(record.firstError()).isNull();
    }

    @ParameterizedTest
    @EnumSource(IoMode.class)
    void manyBuffersInManyChunksArriveInEveryMode(IoMode mode) throws Exception {
        bench.withOpaqueDump(19 * MIB + 4711, 1);
        bench.io = mode;
        bench.verify = true;
        List<Long> progress = new ArrayList<>();
        bench.onTransferred = progress::add;

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.load().inFlightShare()).isGreaterThan(0).isLessThanOrEqualTo(1);
        if (Files.exists(Path.of("/proc/self/io"))) {
            assertThat(outcome.load().bytesRead()).isGreaterThan(19L * MIB);
            assertThat(outcome.load().readCalls()).as("slices of 128 KiB").isGreaterThan(19 * 8);
            assertThat(outcome.load().writeCalls()).isGreaterThan(19);
        }
        bench.assertHolds("saved");
        assertThat(progress).isSorted().last().isEqualTo(19L * MIB + 4711);
    }

    @Test
    void theDumpIsOpenForReadingOnly() throws Exception {
        bench.withOpaqueDump(2 * MIB, 1);
        Set<String> modes = new TreeSet<>();
        bench.onTransferred = bytes -> modes.addAll(accessModes(bench.dump()));

        bench.run("saved");

        assertThat(modes).containsExactly("O_RDONLY");
    }

    /** How this process has a file open at the moment; proc_pid_fdinfo(5). */
    private static Set<String> accessModes(Path file) {
        Set<String> modes = new TreeSet<>();
        for (File descriptor :
                Objects.requireNonNull(Path.of("/proc/self/fd").toFile().listFiles())) {
            try {
                if (Files.readSymbolicLink(descriptor.toPath()).equals(file)) {
                    String flags = Files.readAllLines(Path.of("/proc/self/fdinfo", descriptor.getName()))
                            .get(1)
                            .replace("flags:", "")
                            .strip();
                    modes.add((Long.parseLong(flags, 8) & 3) == 0 ? "O_RDONLY" : flags);
                }
            } catch (IOException e) {
                // It was closed meanwhile.
            }
        }
        return modes;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 65536, MIB - 1, MIB, MIB + 1, 8 * MIB, 16 * MIB})
    void aDumpMayEndAnywhere(int size) throws Exception {
        bench.withOpaqueDump(size, size);

        assertThat(bench.run("saved").vmStateSize()).isEqualTo(size);

        bench.assertHolds("saved");
    }

    @Test
    void theSameImportAgainChangesNothing() throws Exception {
        ImportOutcome first = bench.run("saved");
        String before = RawBytes.sha256(bench.image());

        ImportOutcome again = bench.run("saved");

        assertThat(again.state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(again.importId()).isEqualTo(first.importId());
        assertThat(again.snapshotId()).isEqualTo(first.snapshotId());
        assertThat(again.bytesWritten()).isZero();
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertThat(bench.record().attempts()).hasSize(1);
    }

    @Test
    void tomorrowsDumpAtTheSamePathIsAnotherImport() throws Exception {
        ImportOutcome first = bench.run("first");
        Path yesterday = TestFiles.save(bench.dump());
        TickerDump.withCounter(yesterday, bench.dump(), 700);
        TestFiles.setTime(bench.dump(), ImportBench.SAVED_AT.plusSeconds(60));

        ImportOutcome second = bench.run("second");

        assertThat(second.state()).isEqualTo(State.IMPORTED);
        assertThat(second.importId()).isNotEqualTo(first.importId());
        assertThat(bench.snapshotNames()).containsExactly("first", "second");
        bench.assertHolds("second");
        TestFiles.restore(yesterday, bench.dump());
        bench.assertHolds("first");
    }

    @Test
    void aNameTakenByAnotherContentIsAConflictThatTheHistoryKnows() throws Exception {
        bench.run("saved");
        String before = RawBytes.sha256(bench.image());
        TickerDump.withCounter(TestFiles.save(bench.dump()), bench.dump(), 700);

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(failure.advice()).contains("--name");
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertRecorded(failure, "FAILED");
    }

    private void assertRecorded(StateferryException failure, String status) {
        ImportRecord record = bench.records().get(0);
        assertThat(record.status()).isEqualTo(status);
        assertThat(record.firstError().kind()).isEqualTo(failure.kind().tag());
        assertThat(record.firstError().message()).isEqualTo(failure.problem());
        assertThat(record.firstError().file()).isEqualTo(bench.image().toString());
    }

    @Test
    void aNameThatIsAnotherSnapshotsIdIsAConflict() throws Exception {
        bench.run("saved");

        StateferryException failure = bench.fail("1");

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(failure.problem()).contains("saved");
        assertRecorded(failure, "FAILED");
    }

    @Test
    void aNameLongerThanQemusIsAConflictAndOneAsLongIsNot() throws Exception {
        assertThat(bench.fail("ü".repeat(128)).kind()).isEqualTo(FailureKind.CONFLICT);
        bench.assertSpaceGivenBack();

        String longest = "ü".repeat(127) + "x";
        bench.run(longest);
        bench.assertHolds(longest);
    }

    @Test
    void oneFileInBothRolesIsAUsageError() throws Exception {
        Files.delete(bench.image());
        Files.createLink(bench.image(), bench.dump());

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.USAGE);
        assertThat(bench.records()).isEmpty();
    }

    @Test
    void aSnapshotThatWasDeletedIsImportedAgainAsASecondRound() throws Exception {
        QemuTools.assumeAvailable();
        ImportOutcome first = bench.run("saved");
        QemuImg.deleteSnapshot(bench.image(), "saved");

        ImportOutcome second = bench.run("saved");

        assertThat(second.state()).isEqualTo(State.IMPORTED);
        assertThat(second.importId()).isNotEqualTo(first.importId());
        bench.assertHolds("saved");
        assertThat(bench.run("saved").importId()).isEqualTo(second.importId());
    }

    @Test
    void theImageIsTakenBackToBeforeTheImportAndIsImportedIntoAgain() throws Exception {
        Path before = TestFiles.save(bench.image());
        bench.run("saved");
        TestFiles.restore(before, bench.image());

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        bench.assertHolds("saved");
        assertThat(bench.records()).hasSize(2);
    }

    @Test
    void whatCouldNotBeCheckedIsAWarningThatIsKept() throws Exception {
        byte[] dump = Files.readAllBytes(bench.dump());
        Files.write(bench.dump(), Arrays.copyOf(dump, vmDescriptionAt(dump)));
        bench.setTimes(ImportBench.SAVED_AT);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.warnings())
                .containsExactly(
                        "the stream has no vmdescription, so not all damage to its device state can be noticed");
        assertThat(bench.record().warnings()).isEqualTo(outcome.warnings());
        bench.assertHolds("saved");
    }

    @Test
    void aDumpThatIsCutIsRefusedBeforeAnythingIsWrittenAndKeptInTheHistory() throws Exception {
        byte[] dump = Files.readAllBytes(bench.dump());
        Files.write(bench.dump(), Arrays.copyOf(dump, dump.length / 2));
        bench.setTimes(ImportBench.SAVED_AT);

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(failure.offset()).isEqualTo(dump.length / 2);
        bench.assertOldImage();
        assertThat(bench.record().status()).isEqualTo("FAILED");
        assertThat(bench.record().firstError().offset()).isEqualTo(dump.length / 2L);
        assertThat(bench.record().bytesWritten()).isZero();
    }

    /** A vmdescription is 0x06, be32 length, and so many bytes of JSON up to the end. */
    private static int vmDescriptionAt(byte[] dump) {
        for (int at = dump.length - 6; at > 0; at--) {
            if (dump[at] == 6 && ByteBuffer.wrap(dump).getInt(at + 1) == dump.length - at - 5) {
                return at;
            }
        }
        throw new AssertionError("no vmdescription");
    }

    @Test
    void twoImportsRunSideBySide() throws Exception {
        bench.withOpaqueDump(9 * MIB + 1, 2);
        ImportBench other = HOME.bench().withOpaqueDump(11 * MIB + 5, 3);
        CompletableFuture<ImportOutcome> running = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                running.complete(other.run("other"));
            } catch (Throwable e) {
                running.completeExceptionally(e);
            }
        });
        bench.onPrepare = thread::start;

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);
        assertThat(running.get(120, TimeUnit.SECONDS).state()).isEqualTo(State.IMPORTED);

        bench.assertHolds("saved");
        other.assertHolds("other");
        assertThat(bench.record().status()).isEqualTo("COMPLETED");
        assertThat(other.record().status()).isEqualTo("COMPLETED");
    }

    @Test
    void anImageIsImportedIntoByOneAtATime() throws Exception {
        List<FailureKind> kinds = new ArrayList<>();
        bench.onPublish = () -> {
            try {
                HOME.context().imports().run(bench.request("another"), ImportProgress.NONE, new StopSignal());
            } catch (StateferryException e) {
                kinds.add(e.kind());
            }
        };
        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(kinds).containsExactly(FailureKind.IMAGE_IN_USE);
        bench.assertHolds("saved");
    }
}
