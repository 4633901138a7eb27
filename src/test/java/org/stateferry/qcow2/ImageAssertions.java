package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;

/** What an image has to be after a change, whatever the change was. */
final class ImageAssertions {
    private ImageAssertions() {}

    /** Nothing is corrupt, and no cluster leaks that did not leak before. */
    static void assertSound(MemoryImageFile before, MemoryImageFile now, String what) throws StateferryException {
        assertSound(now, MetadataCheck.run(Qcow2Image.open(before)).leakCount(), what);
    }

    /** Nothing is corrupt, and so many clusters leak. */
    static void assertSound(MemoryImageFile image, long leaks, String what) throws StateferryException {
        CheckReport report = MetadataCheck.run(Qcow2Image.open(image));
        assertThat(report.corruptions()).as(what).isEmpty();
        assertThat(report.leakCount()).as(what).isEqualTo(leaks);
    }

    /** QEMU finds no error, and so many clusters that leak. */
    static void assertJudgedSound(Path file, long leaks, String what) {
        QemuImg.CheckReport report = QemuImg.check(file);
        assertThat(report.corruptions() + report.checkErrors())
                .as("%s: %s", what, report.output())
                .isZero();
        assertThat(report.leaks()).as("%s: %s", what, report.output()).isEqualTo(leaks);
        assertThat(report.exitCode()).as("%s: %s", what, report.output()).isEqualTo(leaks == 0 ? 0 : 3);
    }

    /** Compares all clusters that the old image counts as used. */
    static void assertUsedClustersUnchanged(MemoryImageFile before, MemoryImageFile now) {
        int clusterSize = 1 << before.u32(20);
        for (long cluster : new ImageReader(before).usedClusters()) {
            assertThat(now.bytes(cluster * clusterSize, clusterSize))
                    .as("cluster %d", cluster)
                    .isEqualTo(before.bytes(cluster * clusterSize, clusterSize));
        }
    }

    /** The image has one snapshot more than before, the last of them, which has this name; nothing else has changed. */
    static void assertAdded(String name, MemoryImageFile before, MemoryImageFile now, String what) {
        assertDifferOnlyBy(name, now, before, what);
        assertThat(new ImageReader(now).snapshots())
                .as(what)
                .hasSize(new ImageReader(before).snapshots().size() + 1)
                .last()
                .extracting(ImageReader.Snapshot::name)
                .isEqualTo(name);
    }

    /**
     * The guest's disk is the same in both, and all snapshots of one that do not have this name are those of the other, in
     * the same order.
     */
    static void assertDifferOnlyBy(String name, MemoryImageFile with, MemoryImageFile without, String what) {
        ImageReader more = new ImageReader(with);
        ImageReader less = new ImageReader(without);
        assertThat(less.diskSize()).as(what).isEqualTo(more.diskSize());
        assertThat(less.activeContent()).as(what).isEqualTo(more.activeContent());
        List<ImageReader.Snapshot> others = more.snapshots().stream()
                .filter(snapshot -> !snapshot.name().equals(name))
                .toList();
        List<ImageReader.Snapshot> all = less.snapshots();
        assertThat(all).as(what).hasSameSizeAs(others);
        for (int index = 0; index < all.size(); index++) {
            assertThat(all.get(index).bytes())
                    .as("%s: table entry %d", what, index)
                    .isEqualTo(others.get(index).bytes());
            assertThat(less.content(all.get(index)))
                    .as("%s: snapshot %d", what, index)
                    .isEqualTo(more.content(others.get(index)));
        }
    }
}
