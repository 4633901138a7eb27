package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.step.DryRun;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.repository.ImportRecord;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.RawBytes;

/** An import into a guest with several disks: each gets a snapshot of the name, one of them the vmstate. */
class OtherDisksTest {
    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;
    private List<Path> disks;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOtherDisk().withOtherDisk();
        disks = bench.otherDisks();
    }

    private void assertAllHold(String name) throws Exception {
        bench.assertHolds(name);
        for (Path disk : disks) {
            ImportBench.assertSound(disk);
            assertThat(entries(disk))
                    .filteredOn(entry -> entry.nameText().equals(name))
                    .extracting(SnapshotTableEntry::vmStateSize)
                    .containsExactly(0L);
        }
    }

    private static List<SnapshotTableEntry> entries(Path disk) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(disk)) {
            return Qcow2Image.open(open.file()).snapshotTable().entries();
        }
    }

    private ImportPreview preview(String name) throws StateferryException {
        return DryRun.of(bench.request(name), HOME.home(), bench, new StopSignal());
    }

    /** The refusal of an import; no file has changed by it. */
    private StateferryException refused(String name) throws Exception {
        String before = hashes();
        StateferryException previewed = catchThrowableOfType(StateferryException.class, () -> preview(name));
        StateferryException failure = bench.fail(name);
        assertThat(hashes()).isEqualTo(before);
        assertThat(previewed.kind()).as("as a dry run says").isEqualTo(failure.kind());
        assertThat(previewed.getMessage()).isEqualTo(failure.getMessage());
        return failure;
    }

    private String hashes() throws Exception {
        StringBuilder hashes = new StringBuilder(RawBytes.sha256(bench.image()));
        for (Path disk : disks) {
            hashes.append(' ').append(RawBytes.sha256(disk));
        }
        return hashes.toString();
    }

    @Test
    void everyDiskGetsTheSnapshotAndOneTheVmState() throws Exception {
        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(bench.warnings).isEmpty();
        assertAllHold("saved");
        ImportRecord record = bench.record();
        assertThat(record.alsoDisks())
                .containsExactlyElementsOf(disks.stream().map(Path::toString).toList());
        assertThat(record.unfinishedBytes()).isNull();
    }

    @Test
    void whatAllHoldIsAlreadyImported() throws Exception {
        long id = bench.run("saved").importId();
        String before = hashes();

        assertThat(preview("saved").alreadyImported()).isTrue();
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(HOME.context().imports().restart(id, bench, new StopSignal()).state())
                .isEqualTo(State.ALREADY_IMPORTED);

        assertThat(hashes()).isEqualTo(before);
        assertThat(bench.records()).hasSize(1);
    }

    @Test
    void theOrderOfTheOtherDisksMakesNoOtherImport() throws Exception {
        long id = bench.run("saved").importId();
        Collections.reverse(disks);

        ImportOutcome again = bench.run("saved");

        assertThat(again.state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(again.importId()).isEqualTo(id);
    }

    @Test
    void aDiskThatWasForgottenGetsItsSnapshotLater() throws Exception {
        Path forgotten = disks.remove(1);
        bench.run("saved");
        String image = RawBytes.sha256(bench.image());
        disks.add(forgotten);

        assertThat(preview("saved").alreadyImported()).isFalse();
        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.DISKS_COMPLETED);
        assertThat(outcome.bytesWritten()).isZero();
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(image);
        assertThat(bench.warnings).isEmpty();
        assertAllHold("saved");
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
    }

    @Test
    void aNameThatADiskHasAlreadyIsAConflict() throws Exception {
        Path image = bench.image();
        ImportBench other = HOME.bench();
        other.run("taken");
        Files.copy(other.image(), disks.get(1), StandardCopyOption.REPLACE_EXISTING);

        StateferryException failure = refused("taken");

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(failure.file()).isEqualTo(disks.get(1));
        assertThat(ImportBench.snapshotNames(image)).isEmpty();
    }

    @Test
    void aSnapshotOfTheDiskAloneThatIsNotOursIsAConflict() throws Exception {
        ImportBench other = HOME.bench().withOtherDisk();
        other.run("taken");
        Files.copy(other.otherDisks().get(0), disks.get(0), StandardCopyOption.REPLACE_EXISTING);

        assertThat(refused("taken").kind()).isEqualTo(FailureKind.CONFLICT);
    }

    @Test
    void aDamagedDiskEndsTheImportBeforeAnyByteHasChanged() throws Exception {
        TestFiles.flipByte(disks.get(1), 65536 + 7); // in the refcount table

        assertThat(refused("saved").kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
    }

    @Test
    void aFileThatIsNoQcow2ImageEndsTheImport() throws Exception {
        Files.write(disks.get(0), new byte[4096]);

        assertThat(refused("saved").kind()).isEqualTo(FailureKind.IMAGE_UNSUPPORTED);
    }

    @Test
    void aDiskNewerThanTheDumpIsWarnedOfOrRefused() throws Exception {
        TestFiles.setTime(disks.get(1), ImportBench.SAVED_AT.plusSeconds(60));
        bench.strict = true;
        assertThat(refused("saved").kind()).isEqualTo(FailureKind.CONFLICT);
        bench.strict = false;
        bench.undisturbed();

        bench.run("saved");

        assertThat(bench.warnings)
                .singleElement()
                .asString()
                .contains(disks.get(1).toString(), "was modified at");
    }

    @Test
    void ourOwnWritesToADiskAreNoReasonToWarn() throws Exception {
        bench.strict = true;
        bench.run("first");

        bench.run("second");

        assertThat(bench.warnings).isEmpty();
        assertAllHold("second");
        assertAllHold("first");
    }

    @Test
    void oneFileInTwoRolesIsRefused() throws Exception {
        Path link = bench.image().resolveSibling("link.qcow2");
        Files.createLink(link, disks.get(0));
        disks.add(link);
        assertThat(refused("saved").kind()).isEqualTo(FailureKind.USAGE);
        disks.set(2, bench.image());
        assertThat(refused("saved").kind()).isEqualTo(FailureKind.USAGE);
        disks.set(2, bench.dump());
        assertThat(refused("saved").kind()).isEqualTo(FailureKind.USAGE);
    }

    @Test
    void moreDisksThanAllowedAreRefused() throws Exception {
        while (disks.size() <= ImportRequest.OTHER_DISKS_MAX) {
            disks.add(disks.get(0));
        }
        assertThat(refused("saved").kind()).isEqualTo(FailureKind.USAGE);
    }

    @Test
    void aDiskInUseLeavesNoOtherLocked() throws Exception {
        try (OpenImage used = OpenImages.openForUpdate(disks.get(1), OpenImages.Locking.EXCLUSIVE)) {
            StateferryException failure = catchThrowableOfType(
                    StateferryException.class, () -> bench.service().run(bench.request("saved"), bench, bench.stop));
            assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
            OpenImages.openForUpdate(disks.get(0), OpenImages.Locking.EXCLUSIVE).close();
            OpenImages.openForUpdate(bench.image(), OpenImages.Locking.EXCLUSIVE)
                    .close();
        }
        bench.run("saved");
        assertAllHold("saved");
    }

    @Test
    void aMissingDiskEndsTheImport() throws Exception {
        disks.add(bench.image().resolveSibling("nowhere.qcow2"));
        StateferryException failure = catchThrowableOfType(
                StateferryException.class, () -> bench.service().run(bench.request("saved"), bench, bench.stop));

        assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_MISSING);
        assertThat(ImportBench.snapshotNames(bench.image())).isEmpty();
    }

    @Test
    void aStoppedImportIsRestartedByItsIdWithAllItsDisks() throws Exception {
        bench.withOpaqueDump(12 * ImportBench.MIB, 3);
        long id = bench.stopped("saved", 5L * ImportBench.MIB);
        for (Path disk : disks) {
            assertThat(entries(disk)).isEmpty();
        }

        assertThat(HOME.context().imports().restart(id, bench, new StopSignal()).state())
                .isEqualTo(State.IMPORTED);

        assertAllHold("saved");
    }

    @Test
    void aSnapshotDeletedFromOneDiskIsMadeAgain() throws Exception {
        long id = bench.run("saved").importId();
        Path lost = disks.get(0);
        Files.copy(Path.of("src/demo/ticker.qcow2"), lost, StandardCopyOption.REPLACE_EXISTING);
        TestFiles.setTime(lost, ImportBench.SAVED_AT);
        assertThatThrownBy(() -> HOME.context().imports().restart(id, bench, new StopSignal()))
                .hasMessageContaining("not all of its images hold its snapshot");

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.DISKS_COMPLETED);
        assertThat(outcome.importId()).as("a new round").isNotEqualTo(id);
        assertAllHold("saved");
    }

    @Test
    void theImageOfAnImportMayBeAnotherDiskOfTheNext() throws Exception {
        bench.run("first");

        Path other = disks.get(0);
        ImportRequest request = bench.request("second");
        ImportRequest turned = new ImportRequest(
                request.dump(), other, "second", List.of(bench.image(), disks.get(1)), null, strict(request));

        assertThat(bench.service().run(turned, bench, new StopSignal()).state()).isEqualTo(State.IMPORTED);

        assertThat(bench.warnings).isEmpty();
        assertThat(ImportBench.snapshotNames(bench.image())).containsExactly("first", "second");
        ImportBench.assertSound(bench.image());
        ImportBench.assertSound(other);
    }

    private static ImportOptions strict(ImportRequest request) {
        ImportOptions options = request.options();
        return new ImportOptions(options.choice(), options.io(), options.compression(), true, false, true, false, 0);
    }
}
