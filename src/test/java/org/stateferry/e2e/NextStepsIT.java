package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Thorough;

/** What a failure tells the operator to do next is done here, word for word, and then the import works. */
@Thorough
class NextStepsIT {
    private static final Pattern NEXT = Pattern.compile("(?m)^ *next: (.*)$");

    @TempDir
    Path directory;

    private Scene scene;

    @BeforeEach
    void setScene() {
        scene = Scene.in(directory);
    }

    /** The next step that a command tells which fails with this exit code. */
    private String nextStep(int exitCode, String... command) {
        CommandResult result = scene.program().run(command);
        assertThat(result.exitCode()).as(result.toString()).isEqualTo(exitCode);
        Matcher next = NEXT.matcher(result.stderr());
        assertThat(next.find()).as(result.toString()).isTrue();
        return next.group(1);
    }

    private String refused(int exitCode, Path dump, Path image, String... options) {
        String[] command = new String[5 + options.length];
        command[0] = "import";
        command[1] = dump.toString();
        command[2] = image.toString();
        command[3] = "--name";
        command[4] = "saved";
        System.arraycopy(options, 0, command, 5, options.length);
        return nextStep(exitCode, command);
    }

    private void assertImports(Path dump, Path image, String name, String... options) {
        scene.program().importDump(dump, image, name, options).requireSuccess();
        Judge.assertClean(image);
        assertThat(QemuImg.snapshotNames(image)).contains(name);
    }

    @Test
    void aRawImageIsConverted() {
        Path raw = scene.path("disk.raw");
        QemuImg.run("convert", "-O", "raw", scene.image().toString(), raw.toString())
                .requireSuccess();

        assertThat(refused(12, scene.dump(), raw)).contains("qemu-img convert -O qcow2");

        Path converted = scene.path("converted.qcow2");
        QemuImg.run("convert", "-O", "qcow2", raw.toString(), converted.toString())
                .requireSuccess();
        assertImports(scene.dump(), converted, "saved");
    }

    @Test
    void aBitmapIsRemoved() {
        QemuImg.run("bitmap", "--add", scene.image().toString(), "nightly").requireSuccess();

        assertThat(refused(12, scene.dump(), scene.image()))
                .contains("qemu-img bitmap --remove")
                .contains("--allow-bitmaps");

        QemuImg.run("bitmap", "--remove", scene.image().toString(), "nightly").requireSuccess();
        assertImports(scene.dump(), scene.image(), "saved");
    }

    @Test
    void aSnapshotThatHasTheNameIsDeletedOrAnotherNameChosen() {
        QemuImg.createSnapshot(scene.image(), "saved");

        assertThat(refused(12, scene.dump(), scene.image()))
                .contains("Choose another --name")
                .contains("qemu-img snapshot -d")
                .contains("--into instead of --name");

        scene.program()
                .run("import", scene.dump().toString(), scene.image().toString(), "--into", "saved")
                .requireSuccess();
        Judge.assertHolds(scene.image(), "saved", scene.dump());
        assertImports(scene.dump(), scene.image(), "another");
        QemuImg.deleteSnapshot(scene.image(), "saved");
        assertImports(scene.dump(), scene.image(), "saved");
    }

    @Test
    void anImageThatIsMarkedDirtyIsRepaired() {
        RawBytes.write(scene.image(), 79, 1);

        assertThat(refused(12, scene.dump(), scene.image())).contains("qemu-img check -r all");

        QemuImg.run("check", "-r", "all", scene.image().toString()).requireSuccess();
        assertImports(scene.dump(), scene.image(), "saved");
    }

    @Test
    void clustersThatAreTooSmallForAStateAreMadeLarger() {
        Path carrier = scene.path("carrier.qcow2");

        // Of the 128 GiB that an L1 table can map with such clusters, 64 KiB are left.
        String size = String.valueOf((128L << 30) - (64 << 10));
        assertThat(refused(2, scene.dump(), carrier, "--create", size, "--cluster-size", "512"))
                .contains("Give a larger --cluster-size");

        assertImports(scene.dump(), carrier, "saved", "--create", size, "--cluster-size", "64k");
    }

    @Test
    void anImageThatIsThereIsImportedIntoWithoutCreate() {
        assertThat(refused(12, scene.dump(), scene.image(), "--create", "1M")).contains("Leave out --create");

        assertImports(scene.dump(), scene.image(), "saved");
    }

    @Test
    void theFolderOfANewImageIsMadeFirst() throws IOException {
        Path image = scene.path("folder").resolve("carrier.qcow2");

        assertThat(refused(12, scene.dump(), image, "--create", "0")).contains("Make the folder first");

        Files.createDirectory(scene.path("folder"));
        assertImports(scene.dump(), image, "saved", "--create", "0");
    }

    @Test
    void anImportThatIsOverIsNotRestartedButImportedAgain() {
        scene.importAs("saved").requireSuccess();
        QemuImg.deleteSnapshot(scene.image(), "saved");

        assertThat(nextStep(12, "restart", "1")).contains("Run stateferry import");

        assertImports(scene.dump(), scene.image(), "saved");
    }

    @Test
    void whatIsImportedIsNotAbandonedButDeleted() {
        scene.importAs("saved").requireSuccess();

        assertThat(nextStep(2, "abandon", "1")).contains("qemu-img snapshot -d");

        QemuImg.deleteSnapshot(scene.image(), "saved");
        Judge.assertClean(scene.image());
    }

    @Test
    void aStrictImportIntoADiskThatIsNewerGoesOnWithoutStrict() throws IOException {
        Files.setLastModifiedTime(scene.image(), FileTime.from(Scene.SAVED_AT.plusSeconds(3600)));

        assertThat(refused(12, scene.dump(), scene.image(), "--strict")).contains("run without --strict");

        assertImports(scene.dump(), scene.image(), "saved");
    }

    @Test
    void whereTheCodeForZstdCannotBeUnpackedAnotherFolderIsNamed() throws IOException {
        Path compressed = Files.write(
                scene.path("state.vmstate.zst"), Compressed.with(Codec.ZSTD, Files.readAllBytes(scene.dump())));
        CommandResult refused = scene.launcher()
                .withJavaOption("-Djava.io.tmpdir=" + scene.path("missing"))
                .importDump(compressed, scene.image(), "saved", "--dry-run");
        assertThat(refused.exitCode()).as(refused.toString()).isEqualTo(78);
        assertThat(refused.stderr()).contains("STATEFERRY_JAVA_OPTS=-Djava.io.tmpdir=");

        scene.launcher()
                .withJavaOption("-Djava.io.tmpdir=" + directory)
                .importDump(compressed, scene.image(), "saved", "--dry-run")
                .requireSuccess();
    }

    @Test
    void aDamagedJobRepositoryIsMovedAway() throws IOException {
        scene.importAs("saved").requireSuccess();
        Path database = scene.home().resolve("repository").resolve("stateferry.mv.db");
        Files.write(database, new byte[100_000]);

        assertThat(nextStep(15, "history")).contains("move the file away");

        Files.move(database, scene.path("away"));
        assertThat(scene.importAs("saved").requireSuccess().stderr()).contains("already imported");
    }
}
