package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.importer.ImportOutcome.State;

/** Images on a file server whose clock is far from ours: it gives them their times, and no import takes that for a guest. */
class FileServerClockTest {
    private static final int MIB = ImportBench.MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOpaqueDump(8 * MIB, 1);
        // One write after the other: a server sets the time with the write, which can only be imitated right after it.
        bench.writers = Runnable::run;
    }

    /** Whenever the image is written to it gets the server's time. */
    private void atServer(Duration ahead) {
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void after(Call call, long offset) {
                if (call == Call.WRITE || call == Call.TRUNCATE) {
                    setTime(Instant.now().plus(ahead));
                }
            }
        });
    }

    private void setTime(Instant time) {
        try {
            TestFiles.setTime(bench.image(), time);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void stopAt(long bytes, Duration ahead) throws Exception {
        atServer(ahead);
        bench.stopAt(bytes);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        bench.undisturbed();
        atServer(ahead);
    }

    @ParameterizedTest
    @ValueSource(longs = {3600, -3600})
    void ourOwnWritesAreNoGuests(long ahead) throws Exception {
        bench.strict = true;
        stopAt(5L * MIB, Duration.ofSeconds(ahead));

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.notices).singleElement().asString().startsWith("going on from byte ");
        assertThat(bench.warnings).isEmpty();
        bench.assertHolds("saved");
    }

    @ParameterizedTest
    @ValueSource(longs = {3600, -3600})
    void aGuestsWritesAreNotOurs(long ahead) throws Exception {
        stopAt(5L * MIB, Duration.ofSeconds(ahead));
        setTime(Instant.now().plusSeconds(ahead + 30));

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.warnings).singleElement().asString().contains("was modified at");
        bench.assertHolds("saved");
    }
}
