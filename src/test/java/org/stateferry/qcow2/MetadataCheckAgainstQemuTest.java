package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.qcow2.SpoiledImages.Spoiled;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;

/** Our check and {@code qemu-img check} come to the same result. */
class MetadataCheckAgainstQemuTest {
    @TempDir
    Path folder;

    static Stream<Example> images() {
        return ExampleImages.all();
    }

    static Stream<Spoiled> spoiledImages() {
        return SpoiledImages.all();
    }

    @BeforeEach
    void needsQemu() throws Exception {
        QemuTools.assumeAvailable();
        Files.write(folder.resolve("backing.raw"), new byte[1024]);
    }

    @ParameterizedTest
    @MethodSource("images")
    void agreesOnSoundImages(Example example) throws Exception {
        MemoryImageFile image = example.build();

        CheckReport ours = MetadataCheck.run(Qcow2Image.open(image));
        QemuImg.CheckReport theirs = QemuImg.check(image.saveTo(folder.resolve("image.qcow2")));

        assertThat(theirs.corruptions()).as(theirs.output()).isZero();
        assertThat(ours.corruptions()).isEmpty();
        assertThat(ours.leakCount()).isEqualTo(theirs.leaks());
        assertThat(theirs.exitCode()).as(theirs.output()).isEqualTo(ours.leakCount() == 0 ? 0 : 3);
    }

    @ParameterizedTest
    @MethodSource("spoiledImages")
    void findsNothingUnsoundThatQemuFindsSound(Spoiled spoiled) {
        QemuImg.CheckReport theirs = QemuImg.check(spoiled.image().saveTo(folder.resolve("image.qcow2")));

        assertThat(theirs.exitCode()).as(theirs.output()).isIn(1, 2);
    }
}
