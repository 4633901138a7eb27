package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.Umask;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.step.DryRun;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.Flipping;
import org.stateferry.testing.ImageLocks;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.RawBytes;

/** An image that an import makes is there when it is complete, and what an attempt has begun is not lost. */
class NewImageImportTest {
    private static final int MIB = ImportBench.MIB;
    private static final long GIB = 1L << 30;
    private static final int CLUSTER_SIZE = 65536;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOpaqueDump(3 * MIB, 1).withNewImage(GIB, CLUSTER_SIZE);
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(bench.image().getParent())) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private void assertNothingLeft() throws IOException {
        assertThat(names()).containsExactly("vm.dump");
        assertThat(bench.journal()).doesNotExist();
    }

    private void assertComplete(String name) throws IOException {
        assertThat(names()).containsExactly("disk.qcow2", "vm.dump");
        bench.assertHolds(name);
        assertThat(bench.records().get(0).status()).isEqualTo("COMPLETED");
        assertThat(bench.warnings).isEmpty();
    }

    private long virtualSize() throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(bench.image())) {
            return Qcow2Image.open(open.file()).header().size();
        }
    }

    @Test
    void theImageIsMadeAndForAnotherImportItIsThere() throws Exception {
        bench.strict = true;
        Path plain = Files.createFile(bench.image().resolveSibling("plain"));

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(Files.getPosixFilePermissions(bench.image())).isEqualTo(Files.getPosixFilePermissions(plain));
        Files.delete(plain);
        assertComplete("saved");
        assertThat(virtualSize()).isEqualTo(GIB);
        assertThat(bench.record().image()).isEqualTo(bench.image().toString());

        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(bench.fail("other"))
                .extracting(StateferryException::kind, StateferryException::problem)
                .containsExactly(FailureKind.CONFLICT, "the image exists already");
        bench.newImage = null;
        bench.run("other"); // --strict: a disk that nobody has ever written to is not newer than the dump
        assertThat(bench.snapshotNames()).containsExactly("saved", "other");
        assertComplete("other");
    }

    @Test
    void anImageWithoutDiskAndOneOfSmallClustersAreMade() throws Exception {
        bench.withNewImage(0, 2 * MIB).run("saved");
        assertComplete("saved");

        bench.withNewImage(GIB, 512).run("saved");
        assertComplete("saved");
        assertThat(bench.records()).as("the first is gone, so this is another").hasSize(2);
    }

    @Test
    void anImageWithoutDiskIsNoneOfTheGuestsDisks() throws Exception {
        bench = HOME.bench().withNewImage(0, CLUSTER_SIZE);
        Files.write(bench.dump(), MigrationStreamBuilder.valid().build());
        String warning =
                "the saved machine has 1 disk device (1 virtio-blk), but an image was given for none: QEMU loads"
                        + " the snapshot only if every writable disk has it, see --also";

        assertThat(DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop)
                        .warnings())
                .containsExactly(warning);
        assertThat(bench.run("saved").warnings()).containsExactly(warning);
        bench.newImage = null;
        assertThat(bench.run("once more").warnings()).contains(warning);
        assertThat(bench.withNewImage(GIB, CLUSTER_SIZE).run("saved").warnings())
                .as("the guest has one disk")
                .isEmpty();
    }

    @Test
    void anImageThatHoldsTheStateIsDoneWhateverItsSize() throws Exception {
        bench.run("saved");
        bench.newImage = new NewImage(2 * GIB, CLUSTER_SIZE);

        ImportOutcome again = bench.run("saved");

        assertThat(again.state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(again.warnings())
                .containsExactly("the image's virtual size is 1073741824 bytes, not the 2147483648 asked for");
    }

    @Test
    void aStoppedImportGoesOnAndUntilThenThereIsNoImage() throws Exception {
        long id = bench.stopped("saved", 2L * MIB);
        assertThat(names()).containsExactly(bench.part().getFileName().toString(), "vm.dump");
        assertThat(bench.record().unfinishedBytes()).isPositive();
        bench.strict = true;

        ImportOutcome outcome = bench.service().restart(id, bench, bench.stop);

        assertThat(outcome.importId()).isEqualTo(id);
        assertThat(bench.notices).singleElement().asString().startsWith("going on from byte");
        assertComplete("saved");
    }

    @Test
    void aPartOfAnotherSizeIsMadeAnew() throws Exception {
        bench.stopped("saved", 2L * MIB);
        bench.withNewImage(2 * GIB, CLUSTER_SIZE);

        ImportOutcome outcome = bench.run("saved");

        assertThat(bench.notices.get(0)).contains("anew", "not the beginning of an image of this size");
        assertThat(bench.notices.get(1)).startsWith("starting over: another file has taken the image's place");
        assertThat(outcome.bytesWritten()).isGreaterThanOrEqualTo(3L * MIB);
        assertThat(virtualSize()).isEqualTo(2 * GIB);
        assertComplete("saved");
    }

    @Test
    void aPartOfAnotherImportOrWithoutItsJournalIsMadeAnew() throws Exception {
        bench.stopped("first", 2L * MIB);
        bench.run("second");
        assertThat(bench.notices).singleElement().asString().contains("belongs to another import");
        assertComplete("second");

        bench.withNewImage(GIB, CLUSTER_SIZE).stopped("third", 2L * MIB);
        Files.delete(bench.journal());
        bench.run("third");
        assertThat(bench.notices.get(0)).contains("its journal is lost");
        assertComplete("third");
    }

    @Test
    void garbageUnderThePartNameIsReplaced() throws Exception {
        for (byte[] garbage : List.of(new byte[0], new byte[100_000], Files.readAllBytes(bench.dump()))) {
            Files.write(bench.part(), garbage);
            bench.undisturbed().withNewImage(GIB, CLUSTER_SIZE).run("saved");
            assertThat(bench.notices).singleElement().asString().contains("anew");
            assertComplete("saved");
        }
    }

    @Test
    void anEmptyPartIsTakenAsItIs() throws Exception {
        bench.run("saved");
        Path empty = bench.part();
        try (OpenImage made = OpenImages.create(empty, OpenImages.Locking.EXCLUSIVE)) {
            new NewImageLayout(bench.newImage).writeTo(made.file());
        }
        String key = FileIdentity.of(empty).key();
        bench.withNewImage(GIB, CLUSTER_SIZE).run("saved");

        assertThat(bench.notices).isEmpty();
        assertThat(FileIdentity.of(bench.image()).key()).isEqualTo(key);
        assertComplete("saved");
    }

    @Test
    void aSymbolicLinkUnderThePartNameLeadsNowhere() throws Exception {
        Path other = Files.writeString(bench.image().resolveSibling("other"), "not to be touched");
        Files.createSymbolicLink(bench.part(), other);

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.CONFLICT);

        assertThat(other).hasContent("not to be touched");
    }

    @Test
    void aPartThatSomebodyHasOpenIsInUse() throws Exception {
        bench.stopped("saved", 2L * MIB);
        try (OpenImage other = OpenImages.openForUpdate(bench.part(), OpenImages.Locking.EXCLUSIVE)) {
            StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> bench.run("saved"));
            assertThat(refusal.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
            refusal = catchThrowableOfType(
                    StateferryException.class,
                    () -> HOME.context().abandonment().abandon(bench.record().id()));
            assertThat(refusal.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
        }

        bench.run("saved");

        assertThat(bench.notices).singleElement().asString().startsWith("going on from byte");
        assertComplete("saved");
    }

    @Test
    void thePartIsLockedAsAnyImageIs() throws Exception {
        long self = ProcessHandle.current().pid();
        List<Boolean> held = new ArrayList<>();
        bench.onPublish = () -> held.add(ImageLocks.isHeldBy(self, bench.part()));

        bench.run("saved");

        assertThat(held).containsExactly(true);
    }

    @Test
    void aRefusalBeforeTheTransferLeavesNothing() throws Exception {
        assertThat(bench.fail("n".repeat(300)).kind()).isEqualTo(FailureKind.CONFLICT);
        assertNothingLeft();

        bench.onPrepare = () -> bench.stop.request();
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        assertNothingLeft();

        bench.undisturbed().withNewImage(128 * GIB, 512);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.USAGE);
        assertNothingLeft();
    }

    @Test
    void aDumpThatIsSpoiledDuringTheImportLeavesNothing() throws Exception {
        bench.onPublish = () -> write(bench.dump());

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.DUMP_INVALID);

        assertNothingLeft();
        assertThat(bench.record().status()).isEqualTo("FAILED");
    }

    @Test
    void whereNoImageCanBeMadeNoneIs() throws Exception {
        ImportRequest request = bench.request("saved");
        for (Path image : List.of(
                bench.image().resolve("disk.qcow2"),
                bench.image().resolveSibling("n".repeat(256)),
                Files.createSymbolicLink(bench.image().resolveSibling("link"), Path.of("nowhere")))) {
            ImportRequest elsewhere =
                    new ImportRequest(request.dump(), image, "saved", List.of(), request.newImage(), request.options());
            StateferryException refusal = catchThrowableOfType(
                    StateferryException.class, () -> bench.service().run(elsewhere, bench, bench.stop));
            assertThat(refusal.kind()).isEqualTo(FailureKind.IMAGE_MISSING);
        }
        assertThat(names()).containsExactly("link", "vm.dump");
    }

    @Test
    void theLongestNameHasAPartToo() throws Exception {
        ImportRequest request = bench.request("saved");
        Path image = bench.image().resolveSibling("n".repeat(255));
        ImportRequest named =
                new ImportRequest(request.dump(), image, "saved", List.of(), request.newImage(), request.options());

        assertThat(bench.service().run(named, bench, bench.stop).state()).isEqualTo(State.IMPORTED);

        assertThat(names()).containsExactly(image.getFileName().toString(), "vm.dump");
    }

    @Test
    void aFileThatTakesTheNameMeanwhileIsNotReplaced() throws Exception {
        bench.onPublish = () -> write(bench.image());

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(bench.image()).hasContent("somebody else's");
        bench.undisturbed();
        Files.delete(bench.image());
        assertThat(bench.run("saved").bytesWritten()).isZero();
        assertComplete("saved");
    }

    private static void write(Path file) {
        try {
            Files.writeString(file, "somebody else's");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void withoutHardLinksTheImageIsMovedAndReplacesNothingEither() throws Exception {
        bench.access = new FileAccess() {
            @Override
            public FileNames names() {
                return new FileNames() {
                    @Override
                    public void link(Path file, Path name) {
                        throw new UnsupportedOperationException();
                    }
                };
            }
        };

        bench.run("saved");
        assertComplete("saved");

        bench.withNewImage(GIB, CLUSTER_SIZE);
        bench.onPublish = () -> write(bench.image());
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(bench.image()).hasContent("somebody else's");
    }

    @Test
    void aCompletePartOfAnotherImportIsKeptForThatOne() throws Exception {
        bench.run("saved");
        Files.move(bench.image(), bench.part());

        StateferryException refusal = bench.fail("other");

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(refusal.problem()).contains("all it lacks is its name");
        ImportPreview preview = DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop);
        assertThat(preview)
                .extracting(ImportPreview::alreadyImported, ImportPreview::lacksName, ImportPreview::growth)
                .containsExactly(false, true, 0L);
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
        bench.assertHolds("saved");
        assertThat(names()).containsExactly("disk.qcow2", "vm.dump");
    }

    @Test
    void aPartThatHasANameElsewhereIsLeftToIt() throws Exception {
        bench.run("saved");
        Path moved = bench.image().resolveSibling("moved.qcow2");
        Files.move(bench.image(), moved);
        Files.createLink(bench.part(), moved);
        String content = RawBytes.sha256(moved);

        bench.run("saved");

        assertThat(Files.isSameFile(bench.image(), moved)).isFalse();
        assertThat(RawBytes.sha256(moved)).isEqualTo(content);
        bench.assertHolds("saved");
        assertThat(names()).containsExactly("disk.qcow2", "moved.qcow2", "vm.dump");
    }

    @Test
    void anAbandonedImportTakesItsPartAlong() throws Exception {
        long id = bench.stopped("saved", 2L * MIB);
        long size = Files.size(bench.part());

        AbandonOutcome outcome = HOME.context().abandonment().abandon(id);

        assertThat(outcome.bytesGivenBack()).isEqualTo(size);
        assertThat(outcome.remark()).contains("is removed");
        assertNothingLeft();
        assertThat(bench.record().status()).isEqualTo("ABANDONED");
        assertThat(HOME.context().abandonment().abandon(id).bytesGivenBack()).isZero();
        assertThat(bench.run("saved").importId()).isNotEqualTo(id);
        assertComplete("saved");
    }

    @Test
    void toAbandonLeavesAnotherImportsPartAlone() throws Exception {
        long first = bench.stopped("first", 2L * MIB);
        bench.stopped("second", 2L * MIB);

        assertThat(HOME.context().abandonment().abandon(first).bytesGivenBack()).isZero();

        assertThat(bench.part()).exists();
        bench.run("second");
        assertThat(bench.notices).singleElement().asString().startsWith("going on from byte");
        assertComplete("second");
    }

    @Test
    void aPartWhoseNameAnotherImageHasGotIsNotForgotten() throws Exception {
        long id = bench.stopped("saved", 2L * MIB);
        assertThat(bench.part()).exists();
        Files.copy(Path.of("src/demo/ticker.qcow2"), bench.image());
        bench.newImage = null;

        bench.stopped("saved", 2L * MIB);
        AbandonOutcome outcome = HOME.context().abandonment().abandon(id);

        String left = "the file " + bench.part() + ", left by an import that was making the image,";
        assertThat(outcome.bytesGivenBack()).isPositive();
        assertThat(outcome.remark()).isEqualTo(left + " stays");
        assertThat(HOME.context().abandonment().abandon(id).remark()).isEqualTo(left + " stays");
        bench.run("saved");
        assertThat(bench.notices)
                .containsExactly(left + " is not used, as the image is there; remove it if nobody wants it");
        assertThat(bench.part()).exists();
        bench.assertHolds("saved");
    }

    private StateferryException refusedPreview(String name) {
        StateferryException refusal = catchThrowableOfType(
                StateferryException.class, () -> DryRun.of(bench.request(name), HOME.home(), bench, bench.stop));
        assertThat(refusal).as("a dry run is refused").isNotNull();
        return refusal;
    }

    @Test
    void aDryRunLooksAtTheOtherDisksToo() throws Exception {
        bench = HOME.bench().withOpaqueDump(3 * MIB, 1).withOtherDisk().withNewImage(GIB, CLUSTER_SIZE);
        Path disk = bench.otherDisks().get(0);
        String before = RawBytes.sha256(disk);
        ImportPreview alone;
        try (OpenImage used = OpenImages.openForUpdate(disk, OpenImages.Locking.EXCLUSIVE)) {
            assertThat(refusedPreview("saved").kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
            bench.otherDisks().clear();
            alone = DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop);
            bench.otherDisks().add(disk);
        }

        ImportPreview preview = DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop);

        assertThat(preview.growth()).isGreaterThan(alone.growth());
        assertThat(bench.warnings).isEmpty();
        assertThat(RawBytes.sha256(disk)).isEqualTo(before);
        TestFiles.setTime(disk, ImportBench.SAVED_AT.plusSeconds(60));
        bench.strict = true;
        assertThat(refusedPreview("saved").kind()).isEqualTo(FailureKind.CONFLICT);
        bench.otherDisks().add(disk);
        assertThat(refusedPreview("saved").kind()).isEqualTo(FailureKind.USAGE);
        bench.otherDisks().clear();
        bench.otherDisks().add(bench.dump());
        assertThat(refusedPreview("saved").kind()).isEqualTo(FailureKind.USAGE);
        assertThat(names()).containsExactly("other0.qcow2", "vm.dump");
    }

    @Test
    void forADryRunThereIsTheRoomThatAnUnfinishedImageTakes() throws Exception {
        bench.stopped("saved", 2L * MIB);
        long size = 1L << 40;
        try (RandomAccessFile part = new RandomAccessFile(bench.part().toFile(), "rw")) {
            part.setLength(size);
        }
        long usable = Files.getFileStore(bench.part()).getUsableSpace();

        ImportPreview preview = DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop);

        assertThat(preview.lacksName()).isFalse();
        assertThat(preview.usableSpace()).isGreaterThan(usable + size / 2);
        Files.createLink(bench.part().resolveSibling("elsewhere"), bench.part());
        preview = DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop);
        assertThat(preview.usableSpace()).as("that one stays").isLessThan(usable + size / 2);
    }

    @Test
    void aDryRunMakesNothingAndSaysWhatItWouldTake() throws Exception {
        ImportPreview preview = DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop);

        assertNothingLeft();
        assertThat(preview.alreadyImported()).isFalse();
        bench.run("saved");
        assertThat(preview.growth()).isBetween(Files.size(bench.image()), Files.size(bench.image()) + 8 * CLUSTER_SIZE);
        assertThat(DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop)
                        .alreadyImported())
                .isTrue();
        StateferryException refusal = catchThrowableOfType(
                StateferryException.class, () -> DryRun.of(bench.request("other"), HOME.home(), bench, bench.stop));
        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFLICT);
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private static void assumeRoot(Path file) throws IOException {
        assumeTrue(Files.getAttribute(file, "unix:uid").equals(0), "only root may give a file to another user");
    }

    private void assertRefusedUntouched(String reason) throws Exception {
        Path part = bench.part();
        String before = RawBytes.sha256(part);

        StateferryException refusal = bench.fail("saved");
        StateferryException dry = catchThrowableOfType(
                StateferryException.class, () -> DryRun.of(bench.request("saved"), HOME.home(), bench, bench.stop));

        for (StateferryException each : List.of(refusal, dry)) {
            assertThat(each.kind()).isEqualTo(FailureKind.CONFLICT);
            assertThat(each.file()).isEqualTo(part);
            assertThat(each.problem()).endsWith(" is not ours: " + reason);
        }
        assertThat(RawBytes.sha256(part)).isEqualTo(before);
        assertThat(bench.image()).doesNotExist();
    }

    private void plantAnEmptyPart() throws Exception {
        try (OpenImage made = OpenImages.create(bench.part(), OpenImages.Locking.EXCLUSIVE)) {
            new NewImageLayout(bench.newImage).writeTo(made.file());
        }
    }

    @Test
    void aPartThatAnotherUserHasPreparedIsNotTakenOver() throws Exception {
        plantAnEmptyPart();
        assumeRoot(bench.part());
        Files.setAttribute(bench.part(), "unix:uid", 65534);

        assertRefusedUntouched("it belongs to another user (65534)");
    }

    @Test
    void aPartThatOthersMayWriteToIsNotTakenOver() throws Exception {
        plantAnEmptyPart();
        Files.setPosixFilePermissions(bench.part(), PosixFilePermissions.fromString("rw-rw----"));

        assertRefusedUntouched("others may write to it (mode 660)");
    }

    @Test
    void aLinkToAPartIsNotTakenOver() throws Exception {
        plantAnEmptyPart();
        Path elsewhere = Files.move(bench.part(), bench.image().resolveSibling("elsewhere"));
        Files.createSymbolicLink(bench.part(), elsewhere);

        assertRefusedUntouched("it is a symbolic link");
    }

    @Test
    void aPartWithASecondNameIsNotWrittenTo() throws Exception {
        plantAnEmptyPart();
        Path other = Files.createLink(bench.image().resolveSibling("other"), bench.part());
        String before = RawBytes.sha256(other);

        bench.run("saved");

        assertThat(RawBytes.sha256(other)).isEqualTo(before);
        assertThat(FileIdentity.of(bench.image()).key())
                .isNotEqualTo(FileIdentity.of(other).key());
    }

    /** Whoever owns the folder can exchange what has the part's name, at any moment. */
    @Test
    void aPartThatIsExchangedForALinkIsRefusedOrMadeAnewAndTheOtherFileStays() throws Exception {
        plantAnEmptyPart();
        Path victim = Files.move(bench.part(), bench.image().resolveSibling("victim"));
        Path link = Files.createSymbolicLink(bench.image().resolveSibling("link"), victim);
        Path garbage = Files.writeString(bench.image().resolveSibling("garbage"), "garbage");
        String before = RawBytes.sha256(victim);
        try (Flipping flipping = Flipping.between(garbage, link, bench.part())) {
            for (int attempt = 0; attempt < 10; attempt++) {
                StateferryException refusal = catchThrowableOfType(StateferryException.class, () -> bench.run("saved"));
                assertThat(refusal)
                        .as(flipping.toString())
                        .satisfiesAnyOf(
                                none -> assertThat(none).isNull(),
                                named -> assertThat(named.kind())
                                        .isIn(FailureKind.CONFLICT, FailureKind.IMAGE_IN_USE, FailureKind.IO));
                Files.deleteIfExists(bench.image());
            }
        }
        assertThat(RawBytes.sha256(victim)).isEqualTo(before);
    }

    @Test
    void anImageIsNoMoreOpenThanItsDumpAndUntilItIsCompleteItIsNotOpenAtAll() throws Exception {
        for (String permissions : List.of("rw-------", "r--------", "rw-r--r--")) {
            bench.undisturbed().withNewImage(GIB, CLUSTER_SIZE);
            Files.setPosixFilePermissions(bench.dump(), PosixFilePermissions.fromString(permissions));
            List<String> meanwhile = new ArrayList<>();
            bench.onPublish = () -> meanwhile.add(modeUnchecked(bench.part()));

            bench.run("saved");

            assertThat(meanwhile).containsExactly("rw-------");
            int umask = Umask.atStart();
            assertThat(mode(bench.image()))
                    .isEqualTo(permissions.equals("rw-r--r--") && umask == 022 ? permissions : "rw-------");
        }
    }

    private static String modeUnchecked(Path file) {
        try {
            return mode(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void anImageGetsTheModeAndTheOwnerThatWereAskedForAlsoByARestart() throws Exception {
        assumeRoot(bench.dump());
        bench.newImage = new NewImage(GIB, CLUSTER_SIZE, new ImageRights(0660, "65534:7"));
        long id = bench.stopped("saved", 2L * MIB);
        assertThat(Files.getAttribute(bench.part(), "unix:uid")).isEqualTo(0);

        bench.service().restart(id, bench, bench.stop);

        assertThat(mode(bench.image())).isEqualTo("rw-rw----");
        assertThat(Files.getAttribute(bench.image(), "unix:uid")).isEqualTo(65534);
        assertThat(Files.getAttribute(bench.image(), "unix:gid")).isEqualTo(7);
        assertComplete("saved");
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
    }

    @Test
    void anImageThatGotItsNameButNotItsOwnerGetsThatToo() throws Exception {
        assumeRoot(bench.dump());
        bench.newImage = new NewImage(GIB, CLUSTER_SIZE, new ImageRights(0640, "65534"));
        bench.access = new FileAccess() {
            @Override
            public FileNames names() {
                return new FileNames() {
                    @Override
                    public void force(Path folder) throws IOException {
                        FileNames.super.force(folder);
                        if (Files.exists(bench.image())) {
                            throw new IOException("as if it were killed here");
                        }
                    }
                };
            }
        };
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.IO);
        assertThat(mode(bench.image())).isEqualTo("rw-------");
        assertThat(Files.getAttribute(bench.image(), "unix:uid")).isEqualTo(0);

        bench.access = FileAccess.PLAIN;
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);

        assertThat(mode(bench.image())).isEqualTo("rw-r-----");
        assertThat(Files.getAttribute(bench.image(), "unix:uid")).isEqualTo(65534);
        assertComplete("saved");
    }

    @Test
    void anOwnerThatThereIsNoMoreIsToldBeforeAnythingIsWritten() throws Exception {
        bench.newImage = new NewImage(GIB, CLUSTER_SIZE, new ImageRights(null, "no such user"));

        StateferryException refusal = bench.fail("saved");

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(refusal.problem())
                .isEqualTo("the image cannot be given to no such user: there is no user or group 'no such user'");
        assertNothingLeft();
    }
}
