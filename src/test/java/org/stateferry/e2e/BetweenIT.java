package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerDump;

/**
 * What others do to image and dump between a kill and the next run of the same command: it survives, and the import goes
 * on where that is safe, or says why it starts over.
 */
class BetweenIT {
    private static final int MEBIBYTES = 6;
    private static final int CHAIN_LENGTH = 4;
    private static final int CLUSTER_SIZE = 64 << 10;
    private static final int DISK_CLUSTERS = 16;

    private static final String GOES_ON = "going on from byte ";
    private static final String STARTS_OVER = "starting over: ";
    private static final String OTHER_USE = STARTS_OVER + "clusters of the earlier attempt were put to other use";
    private static final String OVERWRITTEN = STARTS_OVER + "the data from stream byte ";

    @TempDir
    static Path directory;

    /** The scene of all actions, and a copy of it as one kill left it behind. */
    private static Scene scene;

    private static Scene killed;

    /**
     * One thing that happens between two runs.
     *
     * @param what for people
     * @param decision how the second run begins what it says
     * @param warning what else it says
     * @param action does it; choices are random
     */
    private record Between(String what, String decision, String warning, BiConsumer<Scene, Random> action) {
        Between(String what, String decision, BiConsumer<Scene, Random> action) {
            this(what, decision, "", action);
        }

        @Override
        public String toString() {
            return what;
        }
    }

    /** The image's time is set after each action: otherwise the decision would depend on how fast the test runs. */
    private static Stream<Between> actions() {
        return Stream.of(
                new Between("nothing", GOES_ON, (scene, random) -> {}),
                new Between(
                        "a write in place, within the clocks' tolerance",
                        GOES_ON,
                        atTheSameTime(BetweenIT::writeInPlace)),
                new Between(
                        "a write in place, later",
                        GOES_ON, // the data is proven all the same; that memory and disk may not fit is another matter
                        "its disk may no longer fit the saved state",
                        later(BetweenIT::writeInPlace)),
                new Between("writes that allocate clusters", OTHER_USE, atTheSameTime(BetweenIT::allocate)),
                new Between("a snapshot", OTHER_USE, atTheSameTime(BetweenIT::makeSnapshot)),
                new Between("a snapshot that is gone again", OVERWRITTEN, atTheSameTime((scene, random) -> {
                    makeSnapshot(scene, random);
                    QemuImg.deleteSnapshot(scene.image(), last(QemuImg.snapshotNames(scene.image())));
                })),
                new Between("a longer disk", GOES_ON, atTheSameTime((scene, random) -> resize(scene, "+1M"))),
                new Between(
                        "a disk that is longer than an L1 entry",
                        OTHER_USE,
                        atTheSameTime((scene, random) -> resize(scene, "+600M"))),
                new Between(
                        "a longer disk of allocated clusters",
                        OTHER_USE,
                        atTheSameTime((scene, random) -> resize(scene, "+2M", "--preallocation=metadata"))),
                new Between(
                        "a copy in the image's place",
                        STARTS_OVER + "another file",
                        (scene, random) -> replaceByCopy(scene)),
                new Between("another dump of the same length", "", BetweenIT::rewriteDump));
    }

    static LongStream seeds() {
        return Seeds.chosen(1);
    }

    @BeforeAll
    static void killOnce() throws IOException {
        scene = Scene.in(directory).withLongDump(MEBIBYTES, Seeds.chosen());
        scene.killInTransfer();
        killed = scene.copyTo(directory.resolve("killed"));
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("actions")
    void survivesAndTheNextRunDecidesRightly(Between between) throws IOException {
        long seed = Seeds.chosen();
        killed.restoreTo(scene);
        between.action().accept(scene, new Random(seed));

        CommandResult result = complete(scene);

        System.out.printf(
                "seed %d: %s: %s%n",
                seed, between, result.stderr().lines().skip(1).findFirst());
        assertThat(result.stderr()).contains(between.decision()).contains(between.warning());
        if (!between.decision().equals(GOES_ON)) {
            assertThat(result.stderr()).doesNotContain(GOES_ON);
        }
    }

    @Thorough
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void severalKillsWithAnythingInBetween(long seed, @TempDir Path own) {
        Scene scene = Scene.in(own).withLongDump(MEBIBYTES, seed);
        Random random = new Random(seed);
        List<Between> all = actions().toList();
        List<Between> done = new ArrayList<>();
        for (int i = 0; i < CHAIN_LENGTH; i++) {
            scene.killInTransfer(1 + i);
            done.add(all.get(random.nextInt(all.size())));
            last(done).action().accept(scene, random);
            Judge.assertClean(scene.image());
        }
        System.out.printf("seed %d: %s%n", seed, done);

        complete(scene);
    }

    /** Runs the import again; what the image held before is still there, and the snapshot is the dump. */
    private static CommandResult complete(Scene scene) {
        Path between = scene.copyOfImage("between.qcow2");
        List<String> names = new ArrayList<>(QemuImg.snapshotNames(between));
        names.add("saved");

        CommandResult result = scene.importAs("saved").requireSuccess();

        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), between);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
        assertThat(QemuImg.snapshotNames(scene.image())).containsExactlyElementsOf(names);
        return result;
    }

    /** Into the boot sector's cluster, the one that is allocated. */
    private static void writeInPlace(Scene scene, Random random) {
        QemuIo.run(scene.image(), "write -q -P " + random.nextInt(256) + " 1k " + (1 + random.nextInt(63)) + "k");
    }

    /** Into clusters behind it; the disk has 16 of them. */
    private static void allocate(Scene scene, Random random) {
        int first = 1 + random.nextInt(DISK_CLUSTERS - 4);
        int count = 1 + random.nextInt(4);
        QemuIo.run(
                scene.image(),
                "write -q -P " + random.nextInt(256) + " " + first * CLUSTER_SIZE + " " + count * CLUSTER_SIZE);
    }

    private static void makeSnapshot(Scene scene, Random random) {
        QemuImg.createSnapshot(scene.image(), "between-" + random.nextInt(1_000_000));
    }

    private static void resize(Scene scene, String by, String... options) {
        List<String> arguments = new ArrayList<>(List.of("resize", "-q"));
        arguments.addAll(List.of(options));
        arguments.addAll(List.of(scene.image().toString(), by));
        QemuImg.run(arguments.toArray(String[]::new)).requireSuccess();
    }

    private static void replaceByCopy(Scene scene) {
        Path copy = scene.copyOfImage("copy.qcow2");
        try {
            Files.move(copy, scene.image(), StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void rewriteDump(Scene scene, Random random) {
        long length = RawBytes.size(scene.dump());
        TickerDump.inflated(scene.path("ticker.vmstate"), scene.dump(), MEBIBYTES, random.nextLong());
        assertThat(RawBytes.size(scene.dump())).isEqualTo(length);
    }

    /** The image's time of last change is what it was before the action, as if the clock stood still. */
    private static BiConsumer<Scene, Random> atTheSameTime(BiConsumer<Scene, Random> action) {
        return (scene, random) -> {
            Instant time = Scene.time(scene.image());
            action.accept(scene, random);
            Scene.setTime(scene.image(), time);
        };
    }

    private static BiConsumer<Scene, Random> later(BiConsumer<Scene, Random> action) {
        return (scene, random) -> {
            Instant time = Scene.time(scene.image());
            action.accept(scene, random);
            Scene.setTime(scene.image(), time.plusSeconds(10));
        };
    }

    private static <T> T last(List<T> list) {
        return list.get(list.size() - 1);
    }
}
