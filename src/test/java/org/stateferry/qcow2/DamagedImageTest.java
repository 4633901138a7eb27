package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ImageDamage.Damaged;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.Effort;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;

/**
 * Damaged images of all kinds are refused by name, or take a snapshot and are sound: within a time, within an amount of
 * memory, and unchanged if they are refused. {@link Effort} says how many there are.
 */
class DamagedImageTest {
    private static final int CASES = Effort.times(2_000);
    private static final long MIB = 1024 * 1024;
    private static final long SECONDS_MAX = 10;
    /** What opening, checking and reading may allocate together, and what a publish may. */
    private static final long ALLOCATION_MAX = 64 * MIB;
    /** What a publish writes is in memory here, as well as the buffers of a cluster that it writes from. */
    private static final long WRITTEN_CLUSTERS_MAX = 32;

    /** Half of it zeros. */
    private static final byte[] VM_STATE = Arrays.copyOf(ClusterContent.stream(10_000, 1), 20_000);

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final ExecutorService EXECUTOR = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "damaged image");
        thread.setDaemon(true);
        return thread;
    });

    static Stream<Example> images() {
        return ExampleImages.all();
    }

    /** Images of large clusters get few: each case takes as long as twenty others. */
    private static LongStream seeds(MemoryImageFile image) {
        int cases = CASES / (int) ExampleImages.all().count();
        return Seeds.of(image.u32(20) > 16 ? cases / 20 : cases);
    }

    @AfterAll
    static void endThreads() {
        EXECUTOR.shutdownNow();
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("images")
    void isRefusedByNameOrTakesASnapshot(Example example) {
        MemoryImageFile sound = example.build();
        ImageDamage damage = new ImageDamage(sound);
        seeds(sound).forEach(seed -> {
            Damaged damaged = damage.several(new Random(seed));
            String what = example + ", seed " + seed + ": " + damaged.what();
            awaitEnd(
                    EXECUTOR.submit(() -> {
                        use(damaged.image(), seed % 2 == 0, what);
                        return null;
                    }),
                    what);
        });
    }

    private static void awaitEnd(Future<?> use, String what) {
        try {
            use.get(SECONDS_MAX, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            fail("no end within " + SECONDS_MAX + " s: " + what);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            fail("interrupted", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof AssertionError error ? error : new AssertionError(what, e.getCause());
        }
    }

    private static void use(MemoryImageFile file, boolean compress, String what) throws StateferryException {
        MemoryImageFile before = file.copy();
        long allocated = THREADS.getCurrentThreadAllocatedBytes();
        List<StateferryException> refusals = refusals(file);
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - allocated)
                .as(what)
                .isLessThan(ALLOCATION_MAX);
        refusals.forEach(refusal -> assertNamed(refusal, what));
        if (refusals.isEmpty()) {
            publish(file, before, compress, what);
        } else {
            assertThat(file.hasSameContent(before)).as(what).isTrue();
        }
    }

    private static void assertNamed(StateferryException refusal, String what) {
        assertThat(refusal.kind())
                .as(what + " -> " + refusal)
                .isIn(FailureKind.IMAGE_CORRUPT, FailureKind.IMAGE_UNSUPPORTED, FailureKind.CONFLICT);
        assertThat(refusal.file()).as(what + " -> " + refusal).isNotNull();
        if (refusal.kind() == FailureKind.IMAGE_CORRUPT) {
            assertThat(refusal.offset()).as(what + " -> " + refusal).isNotNegative();
        }
    }

    private interface Reading {
        void of(Qcow2Image image) throws StateferryException;
    }

    /** Opens the image and does all that reads it, each thing even if another was refused. */
    private static List<StateferryException> refusals(MemoryImageFile file) {
        List<StateferryException> refusals = new ArrayList<>();
        Qcow2Image image;
        try {
            image = Qcow2Image.open(file);
        } catch (StateferryException e) {
            return List.of(e);
        }
        List<Reading> readings = List.of(
                opened -> ImportRequirements.requireWritable(opened, true),
                opened -> ImportRequirements.requireCapacity(opened, VM_STATE.length),
                opened -> ImportRequirements.requireUsableName(opened, "imported"),
                DamagedImageTest::requireSoundAndRoomy,
                DamagedImageTest::readVmStates);
        for (Reading reading : readings) {
            try {
                reading.of(image);
            } catch (StateferryException e) {
                refusals.add(e);
            }
        }
        return refusals;
    }

    private static void requireSoundAndRoomy(Qcow2Image image) throws StateferryException {
        CheckReport report = MetadataCheck.run(image);
        ImportRequirements.requireSound(image, report);
        SpaceEstimate.growth(image, report, VM_STATE.length, 0);
    }

    private static void readVmStates(Qcow2Image image) throws StateferryException {
        ByteBuffer part = ByteBuffer.allocate(10_000);
        for (SnapshotTableEntry entry : image.snapshotTable().entries()) {
            if (entry.vmStateSize() != 0) {
                VmStateReader reader = new VmStateReader(image, entry);
                reader.read(part.clear(), 0);
                reader.read(part.clear(), Math.max(0, entry.vmStateSize() - part.capacity() / 2));
            }
        }
    }

    private static void publish(MemoryImageFile file, MemoryImageFile before, boolean compress, String what)
            throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        CheckReport report = MetadataCheck.run(image);
        int clusterSize = image.geometry().clusterSize();
        long estimate = SpaceEstimate.growth(image, report, VM_STATE.length, 0);
        long allocated = THREADS.getCurrentThreadAllocatedBytes();
        // Whatever can be refused was refused before.
        ImportRun.publish(file, "imported", VM_STATE, compress);
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - allocated)
                .as(what)
                .isLessThan(ALLOCATION_MAX + WRITTEN_CLUSTERS_MAX * clusterSize);
        assertPublished(file, report, what);
        long end = Math.max(before.size(), report.usedClusterEnd() * clusterSize);
        assertThat(file.size() - end).as(what).isLessThanOrEqualTo(estimate + report.freeCount() * clusterSize);
    }

    private static void assertPublished(MemoryImageFile file, CheckReport before, String what)
            throws StateferryException {
        CheckReport now = MetadataCheck.run(Qcow2Image.open(file));
        assertThat(now.corruptions()).as(what).isEmpty();
        assertThat(now.leakCount()).as(what).isEqualTo(before.leakCount());
        assertThat(ImportRun.readVmState(file, "imported")).as(what).isEqualTo(VM_STATE);
    }
}
