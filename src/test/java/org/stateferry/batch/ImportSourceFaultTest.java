package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
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
import org.stateferry.importer.image.FileAccess;
import org.stateferry.repository.ImportRecord;
import org.stateferry.source.DumpSource;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

/** Dumps that change, end or cannot be read while they are imported, and what becomes of the space they had. */
class ImportSourceFaultTest {
    private static final int MIB = ImportBench.MIB;
    private static final int SIZE = 12 * MIB + 4711;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOpaqueDump(SIZE, 1);
    }

    /** A change of a file. */
    private interface Change {
        void apply() throws IOException;
    }

    /** Changes the dump once, when so much of it has been handed to the write path. */
    private void whenTransferred(long bytes, Change change) {
        boolean[] done = {false};
        bench.onTransferred = at -> {
            if (at >= bytes && !done[0]) {
                done[0] = true;
                apply(change);
            }
        };
    }

    private static void apply(Change change) {
        try {
            change.apply();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void cutDump(long size) throws IOException {
        try (FileChannel channel = FileChannel.open(bench.dump(), StandardOpenOption.WRITE)) {
            channel.truncate(size);
        }
    }

    private void writeIntoDump(long offset, byte... bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(bench.dump(), StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(bytes), offset);
        }
    }

    private StateferryException assertRefusedAndSpaceGivenBack() throws Exception {
        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(failure.file()).isEqualTo(bench.dump());
        bench.assertSpaceGivenBack();
        ImportRecord record = bench.records().get(0);
        assertThat(record.status()).isEqualTo("FAILED");
        assertThat(record.firstError().kind()).isEqualTo("dump-invalid");
        assertThat(record.firstError().message()).isEqualTo(failure.problem());
        return failure;
    }

    @Test
    void aDumpThatIsCutWhileItIsRead() throws Exception {
        whenTransferred(MIB, () -> cutDump(10 * MIB + 5));

        StateferryException failure = assertRefusedAndSpaceGivenBack();

        assertThat(failure.problem()).contains("became shorter");
        assertThat(failure.offset()).isEqualTo(10 * MIB + 5);
        assertThat(bench.record().firstError().offset()).isEqualTo(10 * MIB + 5L);
    }

    @Test
    void aDumpThatGrowsWhileItIsRead() throws Exception {
        whenTransferred(2 * MIB, () -> Files.write(bench.dump(), new byte[1], StandardOpenOption.APPEND));

        assertThat(assertRefusedAndSpaceGivenBack().problem())
                .contains("it had " + SIZE + " bytes and has " + (SIZE + 1));
    }

    @Test
    void aDumpThatIsOverwrittenWhileItIsRead() throws Exception {
        whenTransferred(2 * MIB, () -> writeIntoDump(MIB, (byte) 1));

        assertThat(assertRefusedAndSpaceGivenBack().problem()).contains("it was modified at");
    }

    @Test
    void aDumpThatIsReplacedWhileItIsRead() throws Exception {
        Path copy = TestFiles.save(bench.dump());
        whenTransferred(2 * MIB, () -> Files.move(copy, bench.dump(), StandardCopyOption.ATOMIC_MOVE));

        assertThat(assertRefusedAndSpaceGivenBack().problem()).contains("another file has taken its place");
    }

    @Test
    void aDumpThatChangesAfterItsTransferIsNotPublished() throws Exception {
        bench.onPublish = () -> apply(() -> writeIntoDump(MIB, (byte) 1));

        assertRefusedAndSpaceGivenBack();
    }

    @Test
    void aDumpThatTurnsOutToBeDamaged() throws Exception {
        bench = HOME.bench().withInflatedDump(11, 1);
        FileTime time = Files.getLastModifiedTime(bench.dump());
        byte[] noise = new byte[8200];
        Arrays.fill(noise, (byte) 0xff);
        writeIntoDump(9 * MIB, noise);
        Files.setLastModifiedTime(bench.dump(), time);

        StateferryException failure = assertRefusedAndSpaceGivenBack();

        assertThat(failure.offset()).isBetween(9L * MIB, 9L * MIB + 8200);
        assertThat(bench.fail("saved").offset()).as("and again").isEqualTo(failure.offset());
        bench.assertSpaceGivenBack();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 3L * MIB, 12L * MIB})
    void aDumpThatCannotBeReadIsGoneOnWith(long failingOffset) throws Exception {
        StateferryException broken =
                StateferryException.at(FailureKind.IO, bench.dump(), failingOffset, "reading failed: injected");
        bench.access = readingThrough(opened -> new FailingDump(opened, failingOffset, broken, null));

        StateferryException failure = bench.fail("saved");

        assertThat(failure).isSameAs(broken);
        assertThat(bench.record().firstError())
                .isEqualTo(new ImportRecord.FirstError(
                        "io", bench.dump().toString(), failingOffset, "reading failed: injected"));
        bench.assertOldImage();
        bench.undisturbed();
        ImportOutcome outcome = bench.run("saved");
        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        // All that was read before the failure was written.
        if (failingOffset > 0) {
            assertThat(bench.notices)
                    .containsExactly("going on from byte " + failingOffset + ", which is proven to be in the image");
            assertThat(outcome.bytesWritten()).isLessThan(SIZE);
        } else {
            assertThat(bench.notices).isEmpty();
        }
        bench.assertHolds("saved");
    }

    @Test
    void anErrorWhenTheDumpIsGivenUpDecidesNothing() throws Exception {
        StateferryException closing = StateferryException.in(FailureKind.IO, bench.dump(), "closing failed: injected");
        bench.access = readingThrough(opened -> new FailingDump(opened, Long.MAX_VALUE, null, closing));

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        bench.assertHolds("saved");
        assertThat(bench.record().status()).isEqualTo("COMPLETED");
    }

    @Test
    void aCheckThatCannotGoOnWhereItWasBeginsAnew() throws Exception {
        bench = HOME.bench().withInflatedDump(11, 1);
        bench.stopAt(9L * MIB);
        bench.fail("saved");
        bench.undisturbed();
        bench.access = readingThrough(opened -> (DumpSource) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {DumpSource.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("restoreChecker")) {
                        throw StateferryException.of(FailureKind.REPOSITORY, "saved by another version");
                    }
                    return method.invoke(opened, arguments);
                }));

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.notices)
                .containsExactly(
                        "going on from byte " + 9 * MIB + ", which is proven to be in the image",
                        "checking the dump from its first byte again: saved by another version");
        bench.assertHolds("saved");
    }

    private static FileAccess readingThrough(UnaryOperator<DumpSource> fault) {
        return new FileAccess() {
            @Override
            public DumpSource dump(DumpSource opened) {
                return fault.apply(opened);
            }
        };
    }

    @Test
    void anImageThatIsNotLockedIsNotCut() throws Exception {
        bench.lock = false;
        whenTransferred(9L * MIB, () -> cutDump(MIB));

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.DUMP_INVALID);

        bench.assertOldImage();
        assertThat(Files.size(bench.image())).isGreaterThan(MIB);
    }

    @Test
    void whatOthersHaveInTheTailStaysWhenTheSpaceIsGivenBack() throws Exception {
        QemuTools.assumeAvailable();
        bench.stopAt(9L * MIB);
        bench.fail("saved");
        bench.undisturbed();
        FileTime time = Files.getLastModifiedTime(bench.image());
        QemuImg.createSnapshot(bench.image(), "between"); // its tables lie where our data lay
        Files.setLastModifiedTime(bench.image(), time);
        bench.onPublish = () -> apply(() -> writeIntoDump(MIB, (byte) 1));

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.DUMP_INVALID);

        bench.assertSound();
        assertThat(bench.snapshotNames()).containsExactly("between");
        assertThat(Files.size(bench.image())).isLessThan(MIB);
    }

    @Test
    void anImageWhoseHeaderHasChangedIsNotCut() throws Exception {
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.FORCE) {
                    writeFromOutside(bench.image());
                    throw StateferryException.of(FailureKind.INTERNAL, "injected");
                }
            }
        });

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERNAL);

        assertThat(Files.size(bench.image())).as("somebody else is at work").isGreaterThan(12L * MIB);
        bench.undisturbed();
        TestFiles.setTime(bench.image(), Instant.now().plusSeconds(60));
        bench.run("saved");
        assertThat(bench.warnings).as("and that is not forgotten").hasSize(1);
    }

    /** Writes as another program does; closing a descriptor in this process would drop the import's lock. */
    private static void writeFromOutside(Path image) {
        String line = "printf '\\001' | dd of=\"$0\" bs=1 seek=87 conv=notrunc status=none";
        RunningCommand.run(Duration.ofSeconds(10), List.of("sh", "-c", line, image.toString()))
                .requireSuccess();
    }
}
