package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Thorough;

/** States that no QEMU of this machine would load, because of a section that it does not know. */
class DropSectionIT {
    @TempDir
    Path directory;

    @Thorough
    @Test
    void withoutWhatProxmoxAddsAStateIsThatOfAnyQemu() throws Exception {
        Scene scene = Scene.in(directory);
        Path original = scene.path("original.vmstate");
        Scene.copy(scene.dump(), original);
        addProxmoxSection(scene.dump());
        Scene.setTime(scene.dump(), Scene.SAVED_AT);

        CommandResult result = scene.importAs("saved", "--drop-section", "pbs-state");

        assertThat(result.requireSuccess().stderr())
                .contains("the section 'pbs-state' (36 bytes) is left out of the state");
        assertThat(scene.program().run("history", "--json").requireSuccess().stdout())
                .contains("'pbs-state' (36 bytes)");
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", original);
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), "saved");
    }

    @Test
    void aDeviceThatIsLeftOutStartsAnewAndTheGuestGoesOn() {
        Scene scene = Scene.in(directory);

        scene.importAs("saved", "--drop-section", "ps2mouse", "--drop-section", "pcspk")
                .requireSuccess();

        Judge.assertClean(scene.image());
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), "saved");
    }

    @Test
    void whatIsNotThereOrNotToBeMissedIsRefused() {
        Scene scene = Scene.in(directory);

        Judge.assertRefused(scene.importAs("saved", "--drop-section", "pbs-state"), 10);
        Judge.assertRefused(scene.importAs("saved", "--drop-section", "ram"), 2);
    }

    /** Where Proxmox has it: before the guest's memory. */
    private static void addProxmoxSection(Path dump) throws IOException {
        byte[] stream = Files.readAllBytes(dump);
        String start = new String(Arrays.copyOf(stream, 200), StandardCharsets.ISO_8859_1);
        int ramAt = start.indexOf("\u0003ram") - 1 - Integer.BYTES;
        Files.write(
                dump,
                new MigrationStreamBuilder()
                        .bytes(Arrays.copyOf(stream, ramAt))
                        .sectionHead(1, 77, "pbs-state", 0, 1)
                        .i64(0)
                        .footer(77)
                        .bytes(Arrays.copyOfRange(stream, ramAt, stream.length))
                        .build());
    }
}
