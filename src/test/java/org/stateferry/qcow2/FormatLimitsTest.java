package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.L1Entry;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.Thorough;

/** What just fits into the format is taken, and the next is refused by name before anything is written. */
class FormatLimitsTest {
    private static final byte[] VM_STATE = ClusterContent.stream(5_000, 1);
    private static final int MAX_L1_ENTRIES = 4 * 1024 * 1024;

    private static final long COMPRESSED = 1L << 62;

    @TempDir
    Path folder;

    private static void assertRefused(ThrowingCallable call, FailureKind kind, String problem) {
        assertThatThrownBy(call).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(kind);
            assertThat(failure.problem()).contains(problem);
            assertThat(failure.advice()).isNotEmpty();
        });
    }

    private static void requireSound(MemoryImageFile file) throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        ImportRequirements.requireSound(image, MetadataCheck.run(image));
    }

    @Thorough
    @Test
    void the65536thSnapshotIsTakenInTheLaunchersHeapAndTheNextIsRefused() throws Exception {
        Qcow2ImageBuilder builder = Qcow2ImageBuilder.version3(9, 5, 64 * 1024).write(0, 2);
        for (int index = 1; index < 65_536; index++) {
            builder.snapshot("nightly snapshot %05d".formatted(index));
        }
        Path file = builder.build().saveTo(folder.resolve("image.qcow2"));

        ImportProcess.Report report = ImportProcess.run(file, VM_STATE.length);

        assertThat(report.growth()).isLessThanOrEqualTo(report.estimate());
        try (OpenImage open = OpenImages.openForReading(file)) {
            Qcow2Image image = Qcow2Image.open(open.file());
            assertThat(image.snapshotTable().entries()).hasSize(65_536);
            assertThat(ImportRun.readVmState(open.file(), "imported")).isEqualTo(VM_STATE);
            assertRefused(
                    () -> ImportRequirements.requireCapacity(image, 1),
                    FailureKind.CONFLICT,
                    "65536 snapshots already");
        }
    }

    /** Entries of 1328 bytes: 6316 of them leave about 1000 bytes of the 8 MiB that are held. */
    private static Qcow2ImageBuilder longTable() {
        Qcow2ImageBuilder builder = Qcow2ImageBuilder.version3(9, 5, 64 * 1024).snapshotExtraData(24, new byte[1000]);
        for (int index = 0; index < 6316; index++) {
            builder.snapshot("n".repeat(255));
        }
        return builder;
    }

    @Test
    void aSnapshotTableThatFillsTheMemoryForItTakesNoMore() throws Exception {
        Qcow2Image roomy = Qcow2Image.open(longTable().build());
        Qcow2Image full = Qcow2Image.open(longTable()
                .snapshotExtraData(24, new byte[700])
                .snapshot("last")
                .build());
        MemoryImageFile tooLong = longTable().snapshot("n".repeat(255)).build();

        ImportRequirements.requireCapacity(roomy, 1);
        assertRefused(() -> ImportRequirements.requireCapacity(full, 1), FailureKind.IMAGE_UNSUPPORTED, "8 MiB");
        assertRefused(() -> Qcow2Image.open(tooLong), FailureKind.IMAGE_UNSUPPORTED, "larger than 8 MiB");
    }

    @ParameterizedTest
    @CsvSource({"1, 0", "2, 12", "3, 252"})
    void aRefcountHasRoomForOneSnapshotMoreAndForLoadingIt(int refcountOrder, int snapshotCount) throws Exception {
        Qcow2ImageBuilder builder =
                Qcow2ImageBuilder.version3(9, refcountOrder, 64 * 1024).write(0, 1);
        for (int index = 0; index < snapshotCount; index++) {
            builder.snapshot("snapshot " + index);
        }
        MemoryImageFile image = builder.build();

        requireSound(image);
        ImportRun.publish(image, "imported", VM_STATE);

        int count = snapshotCount + 1;
        assertRefused(
                () -> requireSound(image),
                FailureKind.IMAGE_UNSUPPORTED,
                "one more snapshot than the " + count + " that the image has");
    }

    @Test
    void theLargestL1TableIsTakenAndOneEntryMoreIsRefused() throws Exception {
        long diskSize = (MAX_L1_ENTRIES - 1L) * 32 * 1024;
        MemoryImageFile file = Qcow2ImageBuilder.version3(9, 4, diskSize)
                .write(diskSize - 512, 1)
                .build();
        Qcow2Image image = Qcow2Image.open(file);
        ImportRequirements.requireCapacity(image, 32 * 1024);
        byte[] vmState = ClusterContent.stream(32 * 1024, 1);

        ImportRun.publish(file, "imported", vmState);

        assertThat(Qcow2Image.open(file).snapshotTable().entries().get(0).l1Size())
                .isEqualTo(MAX_L1_ENTRIES);
        assertThat(ImportRun.readVmState(file, "imported")).isEqualTo(vmState);
        requireSound(file);
        assertRefused(
                () -> ImportRequirements.requireCapacity(image, 32 * 1024 + 1),
                FailureKind.IMAGE_UNSUPPORTED,
                "4194305 entries");
    }

    /** Clusters of 512 bytes with refcounts of 64 bits: a table of 8 MiB counts 32 GiB, with blocks of 512 MiB in all. */
    @Thorough
    @Test
    void whatTheRefcountTableHasNoRoomForIsRefusedBeforeAByteIsWritten() throws Exception {
        long end = 32L << 30;
        int taken = 0;
        int refused = 0;
        for (long distance = 9 << 20; distance <= 800 << 20; distance += 200 << 20) {
            MemoryImageFile file = Qcow2ImageBuilder.version3(9, 6, 64 * 1024)
                    .write(0, 2)
                    .continueAt(end - distance)
                    .write(4096, 1)
                    .build();
            if (requireRoomOrRefuse(file, "refcount table")) {
                ImportRun.publish(file, "imported", VM_STATE);
                assertThat(ImportRun.readVmState(file, "imported")).isEqualTo(VM_STATE);
                taken++;
            } else {
                refused++;
            }
        }
        assertThat(taken).isPositive();
        assertThat(refused).isPositive();
    }

    /** Clusters of 2 MiB. In the worst case an import writes all refcount blocks anew, which here are 64 GiB. */
    @ParameterizedTest
    @CsvSource({"8, false", "40000, true"})
    void anImageAtTheLastHostOffsetTakesNoSnapshotAndIsLeftAsItIs(int clustersLeft, boolean taken) throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version3(21, 4, 4 << 20)
                .continueAt((1L << 56) - clustersLeft * (2L << 20))
                .write(0, 1)
                .build();

        assertThat(requireRoomOrRefuse(file, "2^56 bytes")).isEqualTo(taken);
        if (taken) {
            ImportRun.publish(file, "imported", VM_STATE);
            assertThat(ImportRun.readVmState(file, "imported")).isEqualTo(VM_STATE);
        }
    }

    /** With clusters of 2 MiB a descriptor has 49 bits for the host offset. */
    @ParameterizedTest
    @CsvSource({"47, true", "48, false", "50, false"})
    void nothingIsCompressedWhereADescriptorCouldNotTellWhereItLies(int offsetBits, boolean compressed)
            throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version3(21, 4, 4 << 20)
                .continueAt(1L << offsetBits)
                .write(0, 1)
                .build();
        byte[] text = new byte[3 << 20];
        Arrays.fill(text, (byte) 'x');

        ImportRun.publish(file, "imported", text, true);

        assertThat(ImportRun.readVmState(file, "imported")).isEqualTo(text);
        Qcow2Image image = Qcow2Image.open(file);
        ClusterGeometry geometry = image.geometry();
        long l1Entry = image.snapshotTable().entries().get(0).l1TableOffset()
                + Long.BYTES * geometry.l1EntryCount(image.header().size());
        long l2Entry = file.u64(L1Entry.l2Offset(file.u64(l1Entry)));
        assertThat((l2Entry & COMPRESSED) != 0).isEqualTo(compressed);
    }

    /** Whether there is room for the vmstate; if not, it is refused for the reason that is expected. */
    private static boolean requireRoomOrRefuse(MemoryImageFile file, String reason) throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        CheckReport report = MetadataCheck.run(image);
        ImportRequirements.requireSound(image, report);
        ImportRequirements.requireCapacity(image, VM_STATE.length);
        try {
            SpaceEstimate.growth(image, report, VM_STATE.length, 0);
            return true;
        } catch (StateferryException refusal) {
            assertThat(refusal.kind()).isEqualTo(FailureKind.IMAGE_UNSUPPORTED);
            assertThat(refusal.problem()).contains(reason);
            assertThat(refusal.advice()).isNotEmpty();
            return false;
        }
    }
}
