package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.repository.ImportRecord;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuTools;

/**
 * What becomes of an attempt's work when something has happened since: it is kept as far as it is proven, and otherwise
 * the operator is told why it is not.
 */
class ImportResumeTest {
    private static final int MIB = ImportBench.MIB;
    private static final int SIZE = 12 * MIB + 4711;
    /** The demo's disk ends here, and the data of an import begins. */
    private static final int DATA_AT = 393_216;

    private static final int CLUSTER_SIZE = 65536;
    /** Bytes of a buffer's record: 28, and 8 for each of its clusters, and 4. */
    private static final int RECORD_SIZE = 28 + 8 * (MIB / CLUSTER_SIZE) + 4;

    private static final int REFCOUNT_BLOCK_AT = 2 * CLUSTER_SIZE;
    private static final int GUEST_DATA_AT = 5 * CLUSTER_SIZE;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    /** Sets up an import that was stopped when six buffers were written. */
    @BeforeEach
    void stopAnImport() throws Exception {
        bench = HOME.bench().withOpaqueDump(SIZE, 1);
        bench.stopAt(6L * MIB);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        bench.undisturbed();
    }

    private static String goingOn(long boundary) {
        return "going on from byte " + boundary + ", which is proven to be in the image";
    }

    private void assertCompletes(long bytesWritten) throws Exception {
        ImportOutcome outcome = bench.run("saved");
        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.bytesWritten()).isEqualTo((bytesWritten + CLUSTER_SIZE - 1) / CLUSTER_SIZE * CLUSTER_SIZE);
    }

    private void assertStartsOver(String why) throws Exception {
        assertCompletes(SIZE);
        assertThat(bench.notices).containsExactly("starting over: " + why);
    }

    @Test
    void nothingHasHappened() throws Exception {
        assertCompletes(SIZE - 6 * MIB);

        assertThat(bench.notices).containsExactly(goingOn(6 * MIB));
        assertThat(bench.warnings)
                .as("our own writes do not make the disk newer")
                .isEmpty();
        bench.assertHolds("saved");
    }

    @Test
    void aGuestHasWrittenInPlaceSince() throws Exception {
        bench.makeOld(bench.image());
        TestFiles.flipByte(bench.image(), GUEST_DATA_AT + 100);
        Instant written = ImportBench.SAVED_AT.plusSeconds(600);
        TestFiles.setTime(bench.image(), written);
        byte[] guestData = guestData();

        bench.stopAt(8L * MIB);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);

        assertThat(bench.notices).as("what is proven is proven").contains(goingOn(6 * MIB));
        assertThat(bench.warnings).singleElement().asString().contains(written.toString());
        bench.undisturbed();
        assertCompletes(SIZE - 8 * MIB);
        assertThat(bench.warnings)
                .as("our own writes do not make it forgotten")
                .singleElement()
                .asString()
                .contains(written.toString());
        bench.assertHolds("saved");
        assertThat(guestData()).isEqualTo(guestData);
    }

    private byte[] guestData() throws Exception {
        byte[] image = Files.readAllBytes(bench.image());
        return Arrays.copyOfRange(image, GUEST_DATA_AT, GUEST_DATA_AT + CLUSTER_SIZE);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 5})
    void aClusterIsInUseByNow(int buffer) throws Exception {
        int cluster = DATA_AT / CLUSTER_SIZE + buffer * (MIB / CLUSTER_SIZE) + 3;
        TestFiles.flipByte(bench.image(), REFCOUNT_BLOCK_AT + 2 * cluster + 1);

        assertCompletes(SIZE - buffer * MIB);

        String reason = "clusters of the earlier attempt were put to other use";
        String leak = "the image has 1 leaked clusters from before; they are left as they are";
        if (buffer == 0) {
            assertThat(bench.notices).containsExactly(leak, "starting over: " + reason);
        } else {
            assertThat(bench.notices).containsExactly(leak, reason, goingOn((long) buffer * MIB));
        }
        try (OpenImage open = OpenImages.openForReading(bench.image())) {
            Qcow2Image image = Qcow2Image.open(open.file());
            assertThat(MetadataCheck.run(image).isSound()).isTrue();
            assertThat(MetadataCheck.run(image).leakCount()).isOne();
        }
    }

    @Test
    void qemuHasPutClustersToUseAndTheTimesHideIt() throws Exception {
        QemuTools.assumeAvailable();
        FileTime time = Files.getLastModifiedTime(bench.image());
        QemuImg.createSnapshot(bench.image(), "between");
        QemuIo.run(bench.image(), "write -q -P 0x5a 128k 640k");
        Files.setLastModifiedTime(bench.image(), time);
        Path between = TestFiles.save(bench.image());

        bench.run("saved");

        assertThat(bench.notices)
                .containsExactly("starting over: clusters of the earlier attempt were put to other use");
        bench.assertHolds("saved");
        assertThat(QemuImg.haveSameContent(bench.image(), between)).isTrue();
        assertThat(bench.snapshotNames()).containsExactly("between", "saved");
    }

    @Test
    void anotherFileIsAtTheImagesPath() throws Exception {
        Path copy = TestFiles.save(bench.image());
        Files.move(copy, bench.image(), StandardCopyOption.REPLACE_EXISTING);

        assertStartsOver("another file has taken the image's place since");

        bench.assertHolds("saved");
    }

    @Test
    void theDumpWasWrittenAgain() throws Exception {
        bench.withOpaqueDump(SIZE, 2);

        assertCompletes(SIZE);

        assertThat(bench.notices).as("that is another import").isEmpty();
        bench.assertHolds("saved");
        assertThat(bench.records()).extracting(ImportRecord::status).containsExactly("COMPLETED", "STOPPED");
    }

    @Test
    void anotherImportCameBetween() throws Exception {
        Path ours = TestFiles.save(bench.dump());
        bench.withOpaqueDump(3 * MIB, 2).run("between");
        TestFiles.restore(ours, bench.dump());
        bench.undisturbed();

        assertStartsOver("the journal is that of another import into this image");

        assertThat(bench.warnings).isEmpty();
        bench.assertHolds("saved");
        assertThat(bench.snapshotNames()).containsExactly("between", "saved");
    }

    @Test
    void theJournalIsLost() throws Exception {
        Files.delete(bench.journal());

        assertStartsOver("the journal of the earlier attempt is lost or damaged");

        bench.assertHolds("saved");
        assertThat(bench.warnings).as("nobody knows any more who has written").hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 20, 4096, 4110})
    void theJournalIsDamagedAtItsHead(int place) throws Exception {
        TestFiles.flipByte(bench.journal(), place);

        assertStartsOver("the journal of the earlier attempt is lost or damaged");

        bench.assertHolds("saved");
    }

    @Test
    void theJournalIsDamagedAtABuffer() throws Exception {
        TestFiles.flipByte(bench.journal(), 180_224 + 4 * RECORD_SIZE + 20);

        assertCompletes(SIZE - 4 * MIB);

        assertThat(bench.notices).containsExactly(goingOn(4 * MIB));
        bench.assertHolds("saved");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 5})
    void dataWasLostOnItsWayToTheDisk(int buffer) throws Exception {
        TestFiles.flipByte(bench.image(), DATA_AT + (long) buffer * MIB + 4711);

        assertCompletes(SIZE - buffer * MIB);

        String reason = "the data from stream byte " + buffer * MIB + " on did not reach the disk";
        if (buffer == 0) {
            assertThat(bench.notices).containsExactly("starting over: " + reason);
        } else {
            assertThat(bench.notices).containsExactly(reason, goingOn((long) buffer * MIB));
        }
        bench.assertHolds("saved");
    }

    @Test
    void theFileWasCutShort() throws Exception {
        FileTime time = Files.getLastModifiedTime(bench.image());
        byte[] image = Files.readAllBytes(bench.image());
        Files.write(bench.image(), Arrays.copyOf(image, DATA_AT + 2 * MIB + 100));
        Files.setLastModifiedTime(bench.image(), time);

        assertCompletes(SIZE - 2 * MIB);

        assertThat(bench.notices).last().isEqualTo(goingOn(2 * MIB));
        bench.assertHolds("saved");
    }

    @Test
    void theHeaderIsNotTheOneThatTheSwitchWasAboutToReplace() throws Exception {
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.WRITE && offset == 0) {
                    throw StateferryException.at(FailureKind.IO, bench.image(), 0, "injected");
                }
            }
        });
        bench.fail("saved");
        bench.undisturbed();
        TestFiles.flipByte(bench.image(), 87); // the compatible feature "lazy refcounts"

        assertStartsOver("the image's header has changed since");

        bench.assertHolds("saved");
    }

    @Test
    void theImageWasMadeAgainWithOtherClusters() throws Exception {
        QemuTools.assumeAvailable();
        FileTime time = Files.getLastModifiedTime(bench.image());
        Path other = bench.image().resolveSibling("other");
        QemuImg.convert(bench.image(), other, "cluster_size=4k");
        Files.write(bench.image(), Files.readAllBytes(other));
        Files.setLastModifiedTime(bench.image(), time);

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(bench.notices)
                .containsExactly("starting over: the image's layout or the dump's length has changed since");
        bench.assertHolds("saved");
    }
}
