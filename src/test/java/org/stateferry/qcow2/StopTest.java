package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ForwardingImageFile;
import org.stateferry.storage.ImageFile;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;

/** Long work looks often enough whether it is to end: not the time between two looks is counted, but what is read in it. */
class StopTest {
    /** Two tables of the largest clusters, or a refcount table of its largest size. */
    private static final long READ_SIZE_MAX = 9L << 20;

    private static final int READS_MAX = 200;

    /** Counts what is read between two looks. */
    private static final class Watched extends ForwardingImageFile implements Cancellation {
        private long reads;
        private long size;
        private long looks;
        private long readsMax;
        private long sizeMax;
        private long stopAt = Long.MAX_VALUE;

        Watched(ImageFile below) {
            super(below);
        }

        @Override
        public int read(ByteBuffer target, long offset) throws StateferryException {
            reads++;
            size += target.remaining();
            readsMax = Math.max(readsMax, reads);
            sizeMax = Math.max(sizeMax, size);
            return below.read(target, offset);
        }

        @Override
        public void check() throws StateferryException {
            reads = 0;
            size = 0;
            looks++;
            if (looks >= stopAt) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "stopped");
            }
        }

        void assertOftenEnough() {
            assertThat(readsMax).isLessThan(READS_MAX);
            assertThat(sizeMax).isLessThan(READ_SIZE_MAX);
        }
    }

    static Stream<Example> images() {
        Stream<Example> large = Stream.of(
                new Example(
                        "many refcount blocks",
                        () -> Qcow2ImageBuilder.version3(9, 6, 1 << 20)
                                .write(0, 2_000)
                                .snapshot("earlier")
                                .write(0, 1_000)),
                new Example("many L2 tables", () -> manyL2Tables(Qcow2ImageBuilder.version3(9, 4, 1 << 30))),
                new Example("L2 tables of 2 MiB", () -> manyL2Tables(Qcow2ImageBuilder.version3(21, 4, 8L << 40))));
        return Stream.concat(large, ExampleImages.all());
    }

    private static Qcow2ImageBuilder manyL2Tables(Qcow2ImageBuilder image) {
        int count = (int) Math.min(2_000, image.diskSize() / image.bytesPerL1Entry());
        for (int table = 0; table < count; table++) {
            image.write(table * image.bytesPerL1Entry(), 1);
        }
        return image.savevm("state", ClusterContent.stream(1 << 20, 1));
    }

    @ParameterizedTest
    @MethodSource("images")
    void isHeardByEverythingThatReadsTheMetadata(Example example) throws Exception {
        MemoryImageFile image = example.build();

        Watched checking = new Watched(image);
        CheckReport report = MetadataCheck.run(Qcow2Image.open(checking), checking);
        checking.assertOftenEnough();

        Watched publishing = new Watched(image);
        publish(publishing, report);
        publishing.assertOftenEnough();

        Watched removing = new Watched(image);
        Qcow2Image opened = Qcow2Image.open(removing);
        SnapshotRemover remover = new SnapshotRemover(opened, MetadataCheck.run(opened, removing), removing);
        ImportRun.staged(remover.write(
                List.of(opened.snapshotTable().findByName("imported").orElseThrow())));
        removing.assertOftenEnough();
    }

    private static void publish(Watched file, CheckReport report) throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        ClusterAllocator allocator = new ClusterAllocator(image, report);
        SnapshotPublisher publisher = new SnapshotPublisher(image, allocator, report, file);
        ImportRun.staged(publisher.write(VmStateMap.NONE, "imported", ImportRun.TIME))
                .carryOut(file);
    }

    @ParameterizedTest
    @MethodSource("org.stateferry.testing.ExampleImages#few")
    void leavesTheImageAsItWasWhereverItComes(Example example) throws Exception {
        MemoryImageFile before = example.build();
        CheckReport report = MetadataCheck.run(Qcow2Image.open(before));
        Watched all = new Watched(before.copy());
        publish(all, report);

        for (long look = 1; look <= all.looks; look += 1 + all.looks / 10) {
            MemoryImageFile image = before.copy();
            Watched stopped = new Watched(image);
            stopped.stopAt = look;

            assertThatThrownBy(() -> publish(stopped, report))
                    .isInstanceOfSatisfying(
                            StateferryException.class,
                            failure -> assertThat(failure.kind()).isEqualTo(FailureKind.INTERRUPTED));

            assertThat(image.bytes(0, 512)).isEqualTo(before.bytes(0, 512));
            ImageAssertions.assertUsedClustersUnchanged(before, image);
        }
    }
}
