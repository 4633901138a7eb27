package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.OpenedFiles;
import org.stateferry.testing.Qcow2ImageBuilder;

/** Files that are only named inside of an image or a dump are there, and nobody opens them. */
class NamedFilesTest {
    private static final int DATA_FILE_NAME = 0x44415441;
    private static final int INCOMPATIBLE_FEATURES = 72;
    private static final int EXTERNAL_DATA_FILE = 4;

    @TempDir
    Path folder;

    @Test
    void whatAnImageOrADumpNamesIsNotOpened() throws Exception {
        Path named = Files.createDirectory(folder.resolve("named"));
        String backing =
                Files.write(named.resolve("base.raw"), new byte[1 << 20]).toString();
        String data = Files.write(named.resolve("data.raw"), new byte[1 << 20]).toString();
        String disk = Files.write(named.resolve("disk.raw"), new byte[1 << 20]).toString();
        String image = Qcow2ImageBuilder.version3(16, 4, 1 << 20)
                .backingFile(backing)
                .build()
                .saveTo(folder.resolve("overlay.qcow2"))
                .toString();
        String outside = Qcow2ImageBuilder.version3(16, 4, 1 << 20)
                .extension(DATA_FILE_NAME, data.getBytes(StandardCharsets.UTF_8))
                .build()
                .putU64(INCOMPATIBLE_FEATURES, EXTERNAL_DATA_FILE)
                .saveTo(folder.resolve("outside.qcow2"))
                .toString();
        String dump = Files.write(
                        folder.resolve("guest.save"),
                        LibvirtSaveBuilder.valid()
                                .domain(LibvirtSaveBuilder.DOMAIN.replace(
                                        "</domain>",
                                        "<devices><emulator>%s</emulator><disk type='file' device='disk'><source file='%s'/></disk></devices></domain>"
                                                .formatted(disk, disk)))
                                .build())
                .toString();
        String xml = folder.resolve("saved.xml").toString();
        String out = folder.resolve("out.save").toString();
        InThisJvm stateferry = new InThisJvm(folder.resolve("home"));

        try (OpenedFiles opened = OpenedFiles.watch(named)) {
            stateferry.run("inspect", dump).requireSuccess();
            assertThat(stateferry.run("inspect", image).requireSuccess().stdout())
                    .contains(backing);
            stateferry.run("inspect", outside).requireSuccess();
            stateferry
                    .run("import", dump, image, "--name", "saved", "--verify", "--libvirt-xml", xml)
                    .requireSuccess();
            assertThat(stateferry
                            .run("import", dump, outside, "--name", "saved")
                            .exitCode())
                    .isEqualTo(12);
            stateferry
                    .run("verify", image, "--name", "saved", "--against", dump)
                    .requireSuccess();
            stateferry.run("verify", outside).requireSuccess();
            stateferry
                    .run("export", image, out, "--name", "saved", "--format", "libvirt", "--like", dump)
                    .requireSuccess();
            stateferry.run("snapshot", "rename", image, "saved", "renamed").requireSuccess();
            stateferry.run("snapshot", "delete", image, "renamed").requireSuccess();

            assertThat(opened.names()).isEmpty();
            Files.readAllBytes(Path.of(data));
            assertThat(opened.names()).as("the kernel tells").containsExactly("data.raw");
        }
    }
}
