package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.cli.InThisJvm;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.SpoiledImages.Spoiled;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Effort;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

/** The commands that a refusal names do what it takes: afterwards the image takes the snapshot, and has those it had. */
class AdviceTest {
    private static final byte[] VM_STATE = ClusterContent.stream(5_000, 1);
    private static final Pattern AMEND = Pattern.compile("qemu-img amend (-o \\S*[0-9])");

    @TempDir
    Path folder;

    @BeforeEach
    void needsQemu() {
        QemuTools.assumeAvailable();
    }

    private Path image() {
        return folder.resolve("image.qcow2");
    }

    private static StateferryException refusal(MemoryImageFile file) {
        try {
            Qcow2Image image = Qcow2Image.open(file);
            ImportRequirements.requireWritable(image, false);
            ImportRequirements.requireSound(image, MetadataCheck.run(image));
        } catch (StateferryException e) {
            return e;
        }
        throw new AssertionError("not refused");
    }

    /** An import, after which QEMU finds nothing wrong and loads the snapshot. */
    private void assertTakesASnapshot() throws Exception {
        List<String> before = new ArrayList<>(QemuImg.snapshotNames(image()));
        MemoryImageFile file = MemoryImageFile.load(image());
        Qcow2Image image = Qcow2Image.open(file);
        ImportRequirements.requireWritable(image, false);
        ImportRequirements.requireSound(image, MetadataCheck.run(image));
        ImportRun.publish(file, "imported", VM_STATE);
        file.saveTo(image());

        QemuImg.CheckReport report = QemuImg.check(image());
        assertThat(report.isClean()).as(report.output()).isTrue();
        before.add("imported");
        assertThat(QemuImg.snapshotNames(image())).isEqualTo(before);
        QemuImg.applySnapshot(image(), "imported");
        assertThat(QemuIo.readVmState(image(), VM_STATE.length)).isEqualTo(VM_STATE);
    }

    /** QEMU's check does not see such refcounts, and finds leaks as soon as the file is long enough. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 700})
    void refcountsPastTheEndOfTheFileAreFreedByQemu(int clustersBehind) throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version3(12, 4, 1 << 20)
                .write(0, 3)
                .snapshot("earlier")
                .build();
        long cluster = file.size() / 4096 + clustersBehind;
        long at = file.u64(file.u64(48)) + 2 * cluster;
        file.putU32(at, 1 << 16 | file.u32(at) & 0xffff);
        file.saveTo(image());
        assertThat(QemuImg.check(image()).isClean()).isTrue();

        for (String command : commands(refusal(file).advice())) {
            RunningCommand.run(Duration.ofSeconds(30), List.of(command.split(" ")))
                    .requireSuccess();
        }

        assertTakesASnapshot();
    }

    private List<String> commands(@Nullable String advice) {
        assertThat(advice).contains(": ", ", then run again");
        String list = advice.substring(advice.indexOf(": ") + 2, advice.indexOf(", then run again"));
        return List.of(list.replace("IMAGE", image().toString()).split(", then "));
    }

    @Test
    void refcountsOfOneBitBecomeWide() throws Exception {
        MemoryImageFile file =
                Qcow2ImageBuilder.version3(12, 0, 1 << 20).write(0, 3).build();

        amendAs(refusal(file), file);

        assertTakesASnapshot();
    }

    /** A copy made by qemu-img convert would have no snapshots. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void narrowRefcountsBecomeWideAndTheSnapshotsStay(int refcountOrder) throws Exception {
        Qcow2ImageBuilder builder =
                Qcow2ImageBuilder.version3(12, refcountOrder, 1 << 20).write(0, 3);
        for (int count = 0; count < (1 << (1 << refcountOrder)) - 3; count++) {
            builder.snapshot("snapshot " + count);
        }
        MemoryImageFile file = builder.snapshot("one more").build();

        amendAs(refusal(file), file);

        assertTakesASnapshot();
    }

    /** A refcount of 16 bits that is full, as of many leaks; version 2 has to become version 3 for wider ones. */
    @Test
    void version2BecomesVersion3() throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version2(12, 1 << 20)
                .write(0, 3)
                .snapshot("earlier")
                .build();
        long data = file.u64(file.u64(file.u64(40)) & 0x00ff_ffff_ffff_fe00L) & 0x00ff_ffff_ffff_fe00L;
        long at = file.u64(file.u64(48)) + 2 * (data / 4096);
        file.putU32(at, 0xffff_0000L | file.u32(at) & 0xffff);

        StateferryException refusal = refusal(file);
        assertThat(refusal.advice()).contains("compat=1.1,refcount_bits=32");
        file.putU32(at, 2 << 16 | file.u32(at) & 0xffff);
        amendAs(refusal, file);

        assertTakesASnapshot();
    }

    private static Stream<Spoiled> spoiled() {
        return Effort.share(SpoiledImages.all().toList()).stream();
    }

    /** The program says of an image that is repaired that it is; of the rest it says no more than that a copy may be possible. */
    @ParameterizedTest
    @MethodSource("spoiled")
    void damageIsRepairedOrTheDiskIsCopiedOrQemuCannotReadIt(Spoiled spoiled) throws Exception {
        spoiled.image().saveTo(image());
        Path copy = folder.resolve("copy.qcow2");
        CommandResult found = new InThisJvm(folder).run("verify", image().toString());
        assertThat(found.exitCode()).as(found.toString()).isIn(12, 14);
        Matcher forget = Pattern.compile("printf .* conv=notrunc").matcher(found.stderr());
        if (forget.find()) {
            shell(forget.group().replace("COPY", image().toString()));
        }
        assertThat(found.stderr()).contains("qemu-img check -r all");

        if (QemuImg.run("check", "-r", "all", image().toString()).exitCode() == 0) {
            new InThisJvm(folder).run("verify", image().toString()).requireSuccess();
        } else {
            assertThat(found.stderr()).contains("If errors stay, qemu-img convert -O qcow2 may still make a copy");
            if (QemuImg.run("convert", "-O", "qcow2", image().toString(), copy.toString())
                            .exitCode()
                    == 0) {
                new InThisJvm(folder).run("verify", copy.toString()).requireSuccess();
            }
        }
    }

    private static void shell(String command) {
        RunningCommand.run(Duration.ofSeconds(30), List.of("sh", "-c", command)).requireSuccess();
    }

    /** Bytes 60 and 64 of the header: the number of snapshots and where their table is. */
    private static long firstEntry(MemoryImageFile file) {
        return file.u64(64);
    }

    private static MemoryImageFile withASnapshot() {
        return Qcow2ImageBuilder.version3(12, 4, 1 << 20)
                .write(0, 3)
                .savevm("earlier", VM_STATE)
                .build();
    }

    @Test
    void tooManyBytesInASnapshotsEntryAreDroppedByQemu() throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version3(12, 4, 1 << 20)
                .write(0, 3)
                .snapshotExtraData(24, new byte[1100])
                .snapshot("earlier")
                .build();
        assertThat(refusal(file).advice()).contains("let QEMU drop them: qemu-img check -r all");
        file.saveTo(image());

        QemuImg.run("check", "-r", "all", image().toString());

        assertTakesASnapshot();
    }

    @Test
    void anImageIsCopiedWithoutASnapshotThatNothingCanDelete() throws Exception {
        MemoryImageFile file = withASnapshot();
        file.putU32(firstEntry(file) + 8, 5_000_000);
        assertThat(refusal(file).advice()).contains("Make a copy without the snapshots: qemu-img convert -O qcow2");

        convertTo(file);

        assertTakesASnapshot();
    }

    @Test
    void anExternalDataFileIsLeftBehindByConverting() throws Exception {
        Path original = folder.resolve("original.qcow2");
        QemuImg.create(original, "1M", "data_file=" + folder.resolve("data.raw"));
        assertThat(refusal(MemoryImageFile.load(original)).advice())
                .isEqualTo("For that, make a copy without one: qemu-img convert -O qcow2.");

        QemuImg.convert(original, image());

        assertTakesASnapshot();
    }

    @Test
    void anImageOfTheFirstVersionIsConverted() throws Exception {
        Path original = folder.resolve("original.qcow");
        QemuImg.run("create", "-f", "qcow", original.toString(), "1M").requireSuccess();
        assertThat(refusal(MemoryImageFile.load(original)).nextStep())
                .startsWith("Make a copy with qemu-img convert -O qcow2");

        QemuImg.convert(original, image());

        assertTakesASnapshot();
    }

    private void convertTo(MemoryImageFile file) {
        Path original = folder.resolve("original.qcow2");
        file.saveTo(original);
        QemuImg.convert(original, image());
    }

    @Test
    void aSnapshotWhoseStateIsLostIsDeleted() throws Exception {
        MemoryImageFile file = withASnapshot();
        file.putU64(firstEntry(file) + 40, 1L << 30);
        assertThat(unreadable(file)).contains("Its state is lost; delete the snapshot with qemu-img snapshot -d");
        file.saveTo(image());

        QemuImg.deleteSnapshot(image(), "earlier");

        assertTakesASnapshot();
    }

    @Test
    void ofASnapshotThatIsOutOfRangeTheDiskIsCopied() throws Exception {
        MemoryImageFile file = withASnapshot();
        file.putU64(firstEntry(file), 1L << 60);
        assertThat(unreadable(file))
                .contains("a copy of the disk without the snapshots is made by qemu-img convert -O qcow2");

        convertTo(file);

        assertTakesASnapshot();
    }

    /** What the export of the first snapshot's state says. */
    private String unreadable(MemoryImageFile file) {
        Path path = folder.resolve("unreadable.qcow2");
        file.saveTo(path);
        CommandResult result = new InThisJvm(folder)
                .run("export", path.toString(), folder.resolve("out").toString(), "--name", "earlier");
        assertThat(result.exitCode()).as(result.toString()).isEqualTo(12);
        return result.stderr();
    }

    private void amendAs(StateferryException refusal, MemoryImageFile file) {
        Matcher command = AMEND.matcher(refusal.advice());
        assertThat(command.find()).as(refusal.advice()).isTrue();
        file.saveTo(image());
        String[] options = command.group(1).split(" ");
        QemuImg.run("amend", "-f", "qcow2", options[0], options[1], image().toString())
                .requireSuccess();
    }
}
