package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.step.DryRun;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.RamLayout;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;

/** An import whose dump is the state of a snapshot, of another image or of the same. */
class FromSnapshotTest {
    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    /** Its image is the one that the state is taken from. */
    private ImportBench source;

    private ImportBench bench;

    @BeforeEach
    void setUpBenches() throws Exception {
        source = HOME.bench();
        bench = HOME.bench();
    }

    private static ImportOptions from(String snapshot, DumpFormat format, RamLayout layout) {
        return new ImportOptions(
                new DumpChoice(format, 0, layout, List.of(), snapshot),
                IoMode.AUTO,
                Compression.NONE,
                false,
                false,
                true,
                false,
                0);
    }

    private ImportRequest request(Path image, String name, @Nullable NewImage newImage, ImportOptions options) {
        return new ImportRequest(source.image(), image, name, List.of(), newImage, options);
    }

    private ImportRequest request(String name) {
        return request(bench.image(), name, null, from("state", DumpFormat.AUTO, RamLayout.PLAIN));
    }

    private ImportOutcome run(ImportRequest request) throws StateferryException {
        return bench.service().run(request, bench, bench.stop);
    }

    private StateferryException refused(ImportRequest request) throws Exception {
        String before = RawBytes.sha256(request.image());
        StateferryException previewed = catchThrowableOfType(
                StateferryException.class, () -> DryRun.of(request, HOME.home(), bench, new StopSignal()));
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> run(request));
        assertThat(RawBytes.sha256(request.image())).isEqualTo(before);
        assertThat(previewed.getMessage()).as("as a dry run says").isEqualTo(failure.getMessage());
        assertThat(failure.advice()).isNotBlank();
        return failure;
    }

    private static byte[] vmState(Path image, String name) throws Exception {
        try (OpenImage open = OpenImages.openForReading(image)) {
            Qcow2Image qcow2 = Qcow2Image.open(open.file());
            SnapshotTableEntry entry = qcow2.snapshotTable().findByName(name).orElseThrow();
            ByteBuffer bytes = ByteBuffer.allocate((int) entry.vmStateSize());
            new VmStateReader(qcow2, entry).read(bytes, 0);
            return bytes.array();
        }
    }

    @Test
    void theStateArrivesByteForByteAndTheSourceStaysAsItIs() throws Exception {
        source.run("state");
        String before = RawBytes.sha256(source.image());

        ImportOutcome outcome = run(request("copy"));

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.facts()).isNotNull();
        bench.assertHolds("copy");
        assertThat(RawBytes.sha256(source.image())).isEqualTo(before);
        assertThat(vmClock(bench.image(), "copy")).isEqualTo(vmClock(source.image(), "state"));
        assertThat(run(request("copy")).state()).isEqualTo(State.ALREADY_IMPORTED);
    }

    private static SnapshotTimes vmClock(Path image, String name) throws Exception {
        try (OpenImage open = OpenImages.openForReading(image)) {
            SnapshotTableEntry entry = Qcow2Image.open(open.file())
                    .snapshotTable()
                    .findByName(name)
                    .orElseThrow();
            return new SnapshotTimes(entry.dateSeconds(), entry.dateNanos(), entry.vmClockNanos());
        }
    }

    private record SnapshotTimes(long seconds, long nanos, long vmClock) {}

    @Sampled
    @ParameterizedTest
    @CsvSource({"512, NONE", "4096, IMAGE", "65536, IMAGE", "2097152, NONE"})
    void theClustersOfBothMayBeOfAnySizeAndPacked(int clusterSize, Compression compression) throws Exception {
        source.withInflatedDump(3, 11);
        source.compression = compression;
        source.run("state");
        bench.withNewImage(0, clusterSize);

        run(request(
                bench.image(), "copy", new NewImage(0, clusterSize), from("state", DumpFormat.AUTO, RamLayout.PLAIN)));

        bench.assertSound();
        assertThat(vmState(bench.image(), "copy")).isEqualTo(Files.readAllBytes(source.dump()));
    }

    @Test
    void aStateThatIsNoStreamIsTakenOnlyAsOpaque() throws Exception {
        source.withOpaqueDump(100_000, 3).run("state");

        assertThat(refused(request("copy")).kind()).isEqualTo(FailureKind.DUMP_INVALID);
        run(request(bench.image(), "copy", null, from("state", DumpFormat.OPAQUE, RamLayout.PLAIN)));

        assertThat(vmState(bench.image(), "copy")).isEqualTo(Files.readAllBytes(source.dump()));
    }

    @Test
    void aStateInTheMappedLayoutIsReadAsPlainOrAsItIs() throws Exception {
        Path mapped = Files.write(
                source.dump(), MappedStateBuilder.random(new Random(5)).build());
        TestFiles.setTime(mapped, ImportBench.SAVED_AT);
        ImportOptions kept = options(RamLayout.MAPPED);
        bench.service().run(new ImportRequest(mapped, source.image(), "state", kept), bench, new StopSignal());
        bench.service()
                .run(
                        new ImportRequest(mapped, bench.image(), "from the file", options(RamLayout.PLAIN)),
                        bench,
                        new StopSignal());

        run(request("plain"));
        run(request(bench.image(), "mapped", null, from("state", DumpFormat.AUTO, RamLayout.MAPPED)));

        bench.assertSound();
        assertThat(vmState(bench.image(), "plain")).isEqualTo(vmState(bench.image(), "from the file"));
        assertThat(vmState(bench.image(), "mapped")).isEqualTo(vmState(source.image(), "state"));
    }

    private static ImportOptions options(RamLayout layout) {
        return new ImportOptions(
                new DumpChoice(DumpFormat.AUTO, 0, layout, List.of()),
                IoMode.AUTO,
                Compression.NONE,
                false,
                false,
                true,
                false,
                0);
    }

    @Test
    void aStateIsCopiedWithinAnImage() throws Exception {
        source.run("state");

        assertThat(run(request(source.image(), "copy", null, from("state", DumpFormat.AUTO, RamLayout.PLAIN)))
                        .state())
                .isEqualTo(State.IMPORTED);

        source.assertHolds("copy");
        source.assertHolds("state");
        OpenImages.openForUpdate(source.image(), OpenImages.Locking.EXCLUSIVE).close();
    }

    @Test
    void aStateIsTakenFromAnImageThatIsAnotherDiskOfTheGuest() throws Exception {
        source.run("state");
        ImportRequest request = new ImportRequest(
                source.image(),
                bench.image(),
                "copy",
                List.of(source.image()),
                null,
                from("state", DumpFormat.AUTO, RamLayout.PLAIN));

        run(request);

        bench.assertHolds("copy");
        source.assertHolds("state");
        assertThat(source.snapshotNames()).containsExactly("state", "copy");
        Path made = bench.image().resolveSibling("made.qcow2");
        ImportRequest making = new ImportRequest(
                source.image(), made, "copy", List.of(source.image()), new NewImage(0, 65536), request.options());
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> run(making));
        assertThat(failure.kind()).isEqualTo(FailureKind.USAGE);
        assertThat(failure.advice()).contains("stateferry export");
        assertThat(made).doesNotExist();
    }

    @Test
    void anImageThatThisProgramWritesToIsNotReadMeanwhile() throws Exception {
        source.run("state");
        try (OpenImage used = OpenImages.openForUpdate(bench.image(), OpenImages.Locking.EXCLUSIVE)) {
            StateferryException failure = catchThrowableOfType(StateferryException.class, () -> run(request("copy")));
            assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
        }
        OpenImages.openForUpdate(source.image(), OpenImages.Locking.EXCLUSIVE).close();
    }

    @Test
    void aStoppedImportGoesOnUnlessTheSnapshotIsGoneOrAnother() throws Exception {
        QemuTools.assumeAvailable();
        source.withInflatedDump(12, 4).run("state");
        bench.stopAt(5L * ImportBench.MIB);
        StateferryException stopped = catchThrowableOfType(StateferryException.class, () -> run(request("copy")));
        assertThat(stopped.kind()).isEqualTo(FailureKind.INTERRUPTED);
        bench.undisturbed();
        long id = bench.records().get(0).id();
        Path kept = TestFiles.save(source.image());
        QemuImg.deleteSnapshot(source.image(), "state");
        assertThat(restartFailure(id).kind()).isEqualTo(FailureKind.DUMP_MISSING);
        source.withInflatedDump(12, 5).run("state");
        assertThat(restartFailure(id).kind()).isEqualTo(FailureKind.DUMP_INVALID);
        Files.copy(kept, source.image(), StandardCopyOption.REPLACE_EXISTING);

        assertThat(HOME.context().imports().restart(id, bench, new StopSignal()).state())
                .isEqualTo(State.IMPORTED);

        bench.assertSound();
        assertThat(vmState(bench.image(), "copy")).isEqualTo(vmState(source.image(), "state"));
    }

    private StateferryException restartFailure(long id) {
        return catchThrowableOfType(
                StateferryException.class, () -> HOME.context().imports().restart(id, bench, new StopSignal()));
    }

    @Test
    void whatHasNoStateIsRefused() throws Exception {
        QemuTools.assumeAvailable();
        assertThat(refused(request("copy")).problem()).contains("no snapshot named \"state\"");
        QemuImg.createSnapshot(source.image(), "state");
        assertThat(refused(request("copy")).kind()).isEqualTo(FailureKind.DUMP_UNFIT);
        QemuImg.createSnapshot(source.image(), "state");
        assertThat(refused(request("copy")).problem()).contains("2 snapshots are named \"state\"");
    }
}
