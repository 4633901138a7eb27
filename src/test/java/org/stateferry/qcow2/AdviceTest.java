package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.ClusterContent;
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

    private void amendAs(StateferryException refusal, MemoryImageFile file) {
        Matcher command = AMEND.matcher(refusal.advice());
        assertThat(command.find()).as(refusal.advice()).isTrue();
        file.saveTo(image());
        String[] options = command.group(1).split(" ");
        QemuImg.run("amend", "-f", "qcow2", options[0], options[1], image().toString())
                .requireSuccess();
    }
}
