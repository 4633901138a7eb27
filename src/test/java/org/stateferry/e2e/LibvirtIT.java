package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.NewestQemu;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/**
 * A real libvirt takes what is exported and imported. It is that of the folder with the newest QEMU, without a daemon: its driver runs
 * within each {@code virsh}, and so does the guest, which is saved before that ends.
 */
@Thorough
@ExtendWith(NewestQemu.class)
class LibvirtIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int ROUNDS_MAX = 30;
    /** Where the root that libvirt is started in has this machine's {@value #TMP}. */
    private static final String TMP_IN_ROOT = "/tmp/host/";

    private static final String TMP = "/tmp/";
    /** Guest and driver end with virsh, whatever becomes of it; what they leave behind needs a first process that waits for it. */
    private static final List<String> IN_PROCESSES_OF_THEIR_OWN =
            List.of("unshare", "--pid", "--fork", "--kill-child", "sh", "-c", "\"$@\"; exit $?", "sh");

    private static final String SETTINGS = """
            stdio_handler = "file"
            user = "root"
            group = "root"
            security_driver = "none"
            cgroup_controllers = [ ]
            namespaces = [ ]
            remember_owner = 0
            """;
    private static final String DOMAIN = """
            <domain type='qemu'>
              <name>ticker</name>
              <memory unit='MiB'>16</memory>
              <os><type arch='x86_64' machine='pc'>hvm</type></os>
              <features><acpi/></features>
              <devices>
                <emulator>/usr/bin/qemu-system-x86_64</emulator>
                <disk type='file' device='disk'>
                  <driver name='qemu' type='qcow2'/><source file='%s'/><target dev='hda' bus='ide'/>
                </disk>
                <serial type='file'><source path='%s' append='on'/><target port='0'/></serial>
                <memballoon model='none'/>
              </devices>
            </domain>
            """;

    @TempDir
    Path directory;

    private Scene scene;
    private Path disk;
    private Path save;
    /** What the guest had printed when it was saved. */
    private String before;

    @BeforeEach
    void saveAGuestThatHasTicked() throws IOException {
        scene = Scene.in(directory);
        disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        save = scene.path("guest.save");
        Files.createDirectories(scene.path("libvirt/etc"));
        Files.writeString(scene.path("libvirt/etc/qemu.conf"), SETTINGS);
        Files.createFile(scene.path("serial.txt"));
        Path domain = Files.writeString(
                scene.path("domain.xml"), DOMAIN.formatted(inRoot(disk), inRoot(scene.path("serial.txt"))));

        virsh("define " + inRoot(domain), "start ticker", "save ticker " + inRoot(save));
        for (int round = 0; TickerGuest.ticks(serial()).size() < 2; round++) {
            assertThat(round).as("the guest ticks").isLessThan(ROUNDS_MAX);
            runAMoment("restore " + inRoot(save), save);
        }
        before = serial();
    }

    private static String inRoot(Path path) {
        assertThat(path.toAbsolutePath().toString()).startsWith(TMP);
        return path.toAbsolutePath().toString().replaceFirst(TMP, TMP_IN_ROOT);
    }

    private String virsh(String... commands) {
        List<String> line = new ArrayList<>(IN_PROCESSES_OF_THEIR_OWN);
        line.addAll(List.of(
                Path.of(System.getProperty(NewestQemu.FOLDER), "in-root").toString(),
                "virsh",
                "-c",
                "qemu:///embed?root=" + inRoot(scene.path("libvirt")),
                String.join("; ", commands)));
        return RunningCommand.run(LIMIT, line).requireSuccess().stdout();
    }

    private String serial() throws IOException {
        return Files.readString(scene.path("serial.txt"), StandardCharsets.ISO_8859_1);
    }

    /** Has libvirt start the guest in some way, and save it a little later. */
    private void runAMoment(String how, Path into) {
        virsh(how, "event --all --timeout 1", "save ticker " + inRoot(into));
    }

    private void assertGoesOn(String how) throws IOException {
        int start = serial().length();
        Path later = scene.path("later.save");
        runAMoment(how, later);
        for (int round = 0; TickerGuest.ticks(serial().substring(start)).size() < 2; round++) {
            assertThat(round).as("the guest ticks").isLessThan(ROUNDS_MAX);
            runAMoment("restore " + inRoot(later), later);
        }
        Judge.assertGoesOnWithoutAGap(before, serial().substring(start));
    }

    @Test
    void whatIsExportedForLibvirtIsRestored() throws IOException {
        scene.program().importDump(save, disk, "saved").requireSuccess();
        Path domain = Files.writeString(scene.path("dumped.xml"), virsh("dumpxml ticker"));
        Path like = scene.path("like.save");
        Path withDomain = scene.path("domain.save");

        export(like, "--like", save);
        export(withDomain, "--xml", domain);

        assertThat(Files.mismatch(like, save)).isEqualTo(-1);
        assertGoesOn("restore " + inRoot(like));
        assertGoesOn("restore " + inRoot(withDomain));
    }

    private void export(Path out, String option, Path from) {
        scene.program()
                .run(
                        "export",
                        disk.toString(),
                        out.toString(),
                        "--name",
                        "saved",
                        "--format",
                        "libvirt",
                        option,
                        from.toString())
                .requireSuccess();
    }

    @Test
    void aSnapshotThatIsDescribedToItIsListedRevertedToAndDeleted() throws IOException {
        Path domain = Files.writeString(
                scene.path("dumped.xml"), virsh("dumpxml ticker").replace(TMP_IN_ROOT, TMP));
        Path described = scene.path("saved.xml");

        scene.program()
                .importDump(
                        save,
                        disk,
                        "saved",
                        "--libvirt-xml",
                        described.toString(),
                        "--libvirt-domain",
                        domain.toString())
                .requireSuccess();
        Files.writeString(described, Files.readString(described).replace(TMP, TMP_IN_ROOT));

        assertThat(virsh("snapshot-create ticker " + inRoot(described) + " --redefine", "snapshot-list ticker --name"))
                .containsPattern("(?m)^saved$");
        assertGoesOn("snapshot-revert ticker saved");
        virsh("snapshot-delete ticker saved");
        assertThat(QemuImg.snapshotNames(disk)).isEmpty();
        Judge.assertClean(disk);
    }
}
