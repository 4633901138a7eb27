package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;

/** The same guest and the same save on disks of every layout that qcow2 knows. */
class ImageLayoutIT {
    @TempDir
    Path directory;

    @Sampled
    @ParameterizedTest
    @ValueSource(
            strings = {
                "compat=0.10",
                "compat=0.10,cluster_size=4k",
                "cluster_size=512",
                "cluster_size=4k",
                "cluster_size=2M",
                "refcount_bits=8",
                "refcount_bits=32",
                "refcount_bits=64,cluster_size=512",
                "extended_l2=on",
                "lazy_refcounts=on"
            })
    void aLayoutOfPlainClusters(String options) {
        Scene scene = Scene.in(directory);
        Path image = scene.path("layout.qcow2");
        QemuImg.convert(scene.image(), image, options);
        assertImportHolds(scene.withImage(image));
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(strings = {"compression_type=zlib", "compression_type=zstd", "compression_type=zlib,cluster_size=4k"})
    void compressedClusters(String options) {
        Scene scene = Scene.in(directory);
        QemuIo.run(scene.image(), "write -q -P 0x33 128k 256k");
        Path image = scene.path("compressed.qcow2");
        QemuImg.convertCompressed(scene.image(), image, options);
        assertImportHolds(scene.withImage(image));
    }

    @Test
    void zeroClustersWithAndWithoutSpaceOfTheirOwn() {
        Scene scene = Scene.in(directory);
        QemuIo.run(
                scene.image(),
                "write -q -P 0x33 128k 256k",
                "write -q -z 128k 64k",
                "write -q -z -u 192k 64k",
                "write -q -z 512k 64k");
        assertImportHolds(scene.withImage(scene.image()));
    }

    @Thorough
    @Test
    void anOverlayWhoseLargerBackingFileDoesNotShineThrough() {
        Scene scene = Scene.in(directory);
        // an unallocated vmstate cluster of the overlay would read this pattern from the backing file
        Path base = scene.copyOfImage("base.qcow2");
        QemuImg.run("resize", "-q", base.toString(), "600M").requireSuccess();
        QemuIo.run(base, "write -q -P 0x77 512M 2M");
        Path overlay = scene.path("overlay.qcow2");
        QemuImg.run("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.toString(), overlay.toString(), "1M")
                .requireSuccess();
        QemuIo.run(overlay, "write -q -P 0x44 256k 64k");
        assertImportHolds(scene.withImage(overlay));
    }

    @Test
    void countersOfOneBitCannotShareAClusterAndAreRefused() {
        Scene scene = Scene.in(directory);
        Path image = scene.path("one-bit.qcow2");
        QemuImg.convert(scene.image(), image, "refcount_bits=1");
        String before = RawBytes.sha256(image);

        Judge.assertRefused(scene.withImage(image).importAs("saved"), 12);

        assertThat(RawBytes.sha256(image)).isEqualTo(before);
    }

    private static void assertImportHolds(Scene scene) {
        Path before = scene.copyOfImage("before.qcow2");

        scene.importAs("saved").requireSuccess();

        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        Judge.assertSnapshotHasContent(scene.image(), "saved", before);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), "saved");
        Judge.assertClean(scene.image());
        Judge.assertSnapshotHasContent(scene.image(), "saved", before);
        QemuImg.deleteSnapshot(scene.image(), "saved");
        Judge.assertClean(scene.image());
    }
}
