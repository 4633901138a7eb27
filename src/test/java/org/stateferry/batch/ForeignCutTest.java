package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.FileSystemProbe;

/** Another program that takes no locks cuts the image back to what it was, at some moment of an import. */
class ForeignCutTest {
    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;
    private long length;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withInflatedDump(6, 1);
        length = Files.size(bench.image());
        FileSystemProbe.assumeKnowsHoles(bench.image().getParent());
    }

    private void cut() {
        TestFiles.cutInAnotherProcess(bench.image(), length);
    }

    private void assertNoticed() throws Exception {
        StateferryException failure = bench.fail("saved");
        assertThat(failure.kind()).as(failure.toString()).isEqualTo(FailureKind.IMAGE_IN_USE);
        assertThat(failure.problem()).contains("another program has cut the image");
        bench.assertOldImage();
        assertThat(bench.snapshotNames()).isEmpty();

        bench.undisturbed().run("saved");
        bench.assertHolds("saved");
    }

    @ParameterizedTest
    @CsvSource({"CACHED, NONE", "DIRECT, NONE", "CACHED, IMAGE"})
    void whileTheStreamIsWrittenThatMakesTheFileLongerAgain(IoMode io, Compression compression) throws Exception {
        bench.io = io;
        bench.compression = compression;
        AtomicInteger written = new AtomicInteger();
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void after(Call call, long offset) {
                if (call == Call.WRITE && offset >= length && written.incrementAndGet() == 3) {
                    cut();
                }
            }
        });
        assertNoticed();
        assertThat(written).hasValueGreaterThan(3);
    }

    @Test
    void whenAllDataIsWritten() throws Exception {
        bench.onPublish = this::cut;
        assertNoticed();
    }

    /** After each force, of which the last comes before the switch, and the next after it. */
    @Test
    void whileTheMetadataIsWritten() throws Exception {
        int cutAt = 0;
        boolean beforeTheSwitch = true;
        for (; beforeTheSwitch; cutAt++) {
            setUpBench();
            CuttingWatcher watcher = new CuttingWatcher(cutAt);
            bench.access = WatchedImageFile.by(watcher);
            StateferryException failure = catchThrowableOfType(StateferryException.class, () -> bench.run("saved"));
            beforeTheSwitch = !watcher.switchedBefore;
            if (beforeTheSwitch) {
                assertThat(failure).as("cut after force " + cutAt).isNotNull();
                assertThat(watcher.switched).isFalse();
                bench.assertOldImage();
                bench.undisturbed().run("saved");
                bench.assertHolds("saved");
            }
        }
        assertThat(cutAt).as("forces of a publish").isGreaterThan(1);
    }

    private final class CuttingWatcher implements Watcher {
        private final int cutAt;
        private int count;
        private boolean switched;
        private boolean switchedBefore;

        CuttingWatcher(int cutAt) {
            this.cutAt = cutAt;
        }

        @Override
        public void after(Call call, long offset) {
            switched |= call == Call.WRITE && offset == 0;
            if (call == Call.FORCE && bench.steps.contains("publish") && count++ == cutAt) {
                switchedBefore = switched;
                if (!switched) {
                    cut();
                }
            }
        }
    }
}
