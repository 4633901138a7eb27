package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerDump;

/** A disk that was written to after the save does not fit the dump: the operator is told, or asks for a refusal. */
class StaleDiskIT {
    /** The minutes and seconds of the save, and of a change to the disk ten minutes later. */
    private static final String SAVED_AT = ":04:05";

    private static final String CHANGED_AT = ":14:05";

    @TempDir
    Path directory;

    @Test
    void aDiskNewerThanTheDumpIsImportedWithAWarningThatNamesBothTimes() {
        Scene scene = Scene.in(directory);
        Scene.setTime(scene.image(), Scene.SAVED_AT.plusSeconds(600));

        CommandResult result = scene.importAs("saved").requireSuccess();

        assertThat(result.stderr()).contains(SAVED_AT, CHANGED_AT);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Thorough
    @Test
    void aDiskNewerThanTheDumpIsRefusedOnDemand() {
        Scene scene = Scene.in(directory);
        Scene.setTime(scene.image(), Scene.SAVED_AT.plusSeconds(600));
        String before = RawBytes.sha256(scene.image());

        CommandResult result = scene.importAs("saved", "--strict");

        Judge.assertRefused(result, 12);
        assertThat(result.stderr()).contains(SAVED_AT, CHANGED_AT);
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
    }

    @Thorough
    @Test
    void timesThatDifferByTheClocksGrainAreNoReasonToWarn() {
        Scene scene = Scene.in(directory);
        Scene.setTime(scene.image(), Scene.SAVED_AT.plusSeconds(2));

        CommandResult result = scene.importAs("saved", "--strict").requireSuccess();

        assertThat(result.stderr()).doesNotContain(SAVED_AT);
    }

    @Thorough
    @Test
    void ourOwnImportDoesNotMakeTheDiskNewer() {
        Scene scene = Scene.in(directory);
        Path second = TickerDump.withCounter(scene.dump(), scene.path("second.vmstate"), 700);
        Scene.setTime(second, Scene.SAVED_AT);
        scene.importAs("first", "--strict").requireSuccess();

        CommandResult result = scene.program()
                .importDump(second, scene.image(), "second", "--strict")
                .requireSuccess();

        assertThat(result.stderr()).doesNotContain(SAVED_AT);
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "second", second);
    }
}
