package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.ImageFile;
import org.stateferry.testing.Thorough;

/** Whenever an import dies that makes its image: there is no image, or the complete one, and the next run completes. */
class NewImageCrashTest {
    private static final int CLUSTER_SIZE = 65536;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    /** Lets a number of changes happen to the image's content and names; from then on nothing happens any more. */
    private static final class DyingAccess implements FileAccess, Watcher, FileNames {
        private int left;

        DyingAccess(int changeCount) {
            left = changeCount;
        }

        boolean isDead() {
            return left < 0;
        }

        private void change(Path file) throws StateferryException {
            left = Math.max(-1, left - 1);
            if (isDead()) {
                throw StateferryException.in(FailureKind.IO, file, "dead by now");
            }
        }

        @Override
        public void before(Call call, long offset) throws StateferryException {
            if (call != Call.READ) {
                change(HOME.folder());
            }
        }

        @Override
        public ImageFile image(ImageFile opened) {
            return WatchedImageFile.by(this).image(opened);
        }

        @Override
        public FileNames names() {
            return this;
        }

        @Override
        public void link(Path file, Path name) throws IOException {
            change(file);
            FileNames.SYSTEM.link(file, name);
        }

        @Override
        public void move(Path file, Path name) throws IOException {
            change(file);
            FileNames.SYSTEM.move(file, name);
        }

        @Override
        public void delete(Path name) throws IOException {
            change(name);
            FileNames.SYSTEM.delete(name);
        }

        @Override
        public void force(Path names) throws IOException {
            change(names);
            FileNames.SYSTEM.force(names);
        }
    }

    @Thorough
    @Test
    void whereverItDiesThereIsNoImageOrTheCompleteOneAndTheNextRunCompletes() throws Exception {
        int changes = 0;
        int named = 0;
        boolean died = true;
        for (; died; changes++) {
            ImportBench bench = HOME.bench().withNewImage(1 << 30, CLUSTER_SIZE);
            DyingAccess access = new DyingAccess(changes);
            bench.access = access;
            StateferryException failure = catchThrowableOfType(StateferryException.class, () -> bench.run("saved"));
            died = access.isDead();
            assertThat(failure != null).isEqualTo(died);
            if (Files.exists(bench.image())) {
                named++;
                bench.assertHolds("saved");
            }
            bench.undisturbed().strict = true;
            assertThat(bench.run("saved").state()).isIn(State.IMPORTED, State.ALREADY_IMPORTED);
            bench.assertHolds("saved");
            assertThat(bench.part()).doesNotExist();
            assertThat(bench.record().status()).isEqualTo("COMPLETED");
            assertThat(bench.warnings).isEmpty();
        }
        assertThat(changes).as("changes that an import makes").isGreaterThan(15);
        assertThat(named)
                .as("link, force, remove, force: dead after each, or not at all")
                .isEqualTo(4);
    }
}
