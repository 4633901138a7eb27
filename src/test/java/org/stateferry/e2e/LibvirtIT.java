package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.NewestQemu;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.TickerGuest;
import org.stateferry.testing.Virsh;

/** A guest of a real libvirt: what it saves comes back to it, and it sees, reverts to and deletes what was imported. */
@ExtendWith(NewestQemu.class)
class LibvirtIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final String DOMAIN = """
            <domain type='qemu'>
              <name>ticker</name>
              <memory unit='MiB'>16</memory>
              <vcpu>1</vcpu>
              <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
              <devices>
                <emulator>/usr/bin/qemu-system-x86_64</emulator>
                <disk type='file' device='disk'>
                  <driver name='qemu' type='qcow2'/><source file='%s'/><target dev='hda' bus='ide'/>
                </disk>
                <serial type='file'><source path='%s' append='on'/><target port='0'/></serial>
                <controller type='usb' model='none'/>
                <memballoon model='none'/>
              </devices>
            </domain>
            """;

    @TempDir
    Path directory;

    private Path serial;

    private List<Integer> ticks() {
        try {
            return TickerGuest.ticks(Files.readString(serial, StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private int lastTick() {
        List<Integer> ticks = ticks();
        return ticks.get(ticks.size() - 1);
    }

    private void awaitTicks(int count) {
        await().atMost(LIMIT).until(() -> ticks().size() >= count);
    }

    /** Of what is printed from now on; the tick that was being printed may have been cut by the save. */
    private void assertGoesOnAfter(int tick) throws IOException {
        awaitTicks(2);
        assertThat(ticks()).first().satisfies(first -> assertThat(first).isBetween(tick + 1, tick + 2));
    }

    private void forgetOutput() throws IOException {
        Files.writeString(serial, "");
    }

    @Test
    void aSavedGuestIsRestoredFromTheImageAndASnapshotOfItIsRevertedToAndDeleted() throws Exception {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        serial = Files.writeString(scene.path("serial.log"), "");
        Path domain = Files.writeString(scene.path("domain.xml"), DOMAIN.formatted(disk, serial));
        Path save = scene.path("guest.save");
        Path out = scene.path("out.save");
        Path snapshot = scene.path("snapshot.xml");
        try (Virsh virsh = Virsh.start(directory)) {
            virsh.run("define " + domain);
            virsh.run("start ticker");
            awaitTicks(2);
            virsh.run("save ticker " + save);
            int saved = lastTick();

            scene.program()
                    .importDump(save, disk, "saved", "--libvirt-xml", snapshot.toString())
                    .requireSuccess();
            scene.program()
                    .run(
                            "export",
                            disk.toString(),
                            out.toString(),
                            "--name",
                            "saved",
                            "--format",
                            "libvirt",
                            "--like",
                            save.toString())
                    .requireSuccess();

            assertThat(Files.mismatch(out, save))
                    .as("header, domain and payload")
                    .isEqualTo(-1);
            forgetOutput();
            virsh.run("restore " + out);
            assertGoesOnAfter(saved);
            virsh.run("destroy ticker");

            virsh.run("snapshot-create ticker " + snapshot + " --redefine");
            assertThat(virsh.run("snapshot-list ticker --name")).contains("saved");
            forgetOutput();
            virsh.run("snapshot-revert ticker saved");
            assertGoesOnAfter(saved);
            virsh.run("destroy ticker");
            virsh.run("snapshot-delete ticker saved");

            assertThat(virsh.run("snapshot-list ticker --name")).doesNotContain("saved");
            assertThat(QemuImg.snapshotNames(disk)).isEmpty();
            Judge.assertClean(disk);
        }
    }
}
