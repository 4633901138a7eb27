package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.exporter.Compression;
import org.stateferry.exporter.Export;
import org.stateferry.exporter.ExportOutcome;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.snapshot.SnapshotChange;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** Exports and changes of snapshots whose process is gone from one moment to the next, without a chance to tidy up. */
class KilledCommandsTest {
    private static final int MIB = 1 << 20;
    private static final int KILLED = 137;
    private static final Duration LIMIT = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    private final byte[] state = ClusterContent.mixedStream(9 * MIB + 77, 200_000, 3);
    private Path image;
    private Path out;

    @BeforeEach
    void writeImage() throws Exception {
        image = Files.write(
                folder.resolve("vm.qcow2"),
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", state)
                        .snapshot("other")
                        .build()
                        .bytes());
        out = folder.resolve("out.vmstate");
    }

    /** Does the work in a process of its own, which ends when it is asked for the so-manieth time whether it is to go on. */
    private static CommandResult killed(int questions, Object... work) {
        List<String> command = OtherJvm.command(KilledCommandsTest.class, questions);
        for (Object word : work) {
            command.add(word.toString());
        }
        CommandResult result = RunningCommand.run(LIMIT, command);
        assertThat(result.exitCode()).as(result.stderr()).isEqualTo(KILLED);
        return result;
    }

    /** The other process. */
    public static void main(String[] words) throws Exception {
        int[] left = {Integer.parseInt(words[0])};
        Cancellation death = () -> {
            left[0]--;
            if (left[0] == 0) {
                Runtime.getRuntime().halt(KILLED);
            }
        };
        if (words[1].equals("export")) {
            export(Path.of(words[2]), Path.of(words[3]), Compression.valueOf(words[4]), death);
        } else {
            change(Path.of(words[2]), words[1], death);
        }
    }

    private static ExportOutcome export(Path image, Path out, Compression compression, Cancellation cancellation)
            throws Exception {
        ExportRequest request = new ExportRequest(
                image,
                SnapshotSelection.one("saved", false),
                out,
                false,
                null,
                new ExportRequest.Container.Stream(),
                compression);
        try (Export export = Export.open(request, OutputStream.nullOutputStream())) {
            return export.run(cancellation);
        }
    }

    private static void change(Path image, String kind, Cancellation cancellation) throws Exception {
        SnapshotSelection saved = SnapshotSelection.one("saved", false);
        try (SnapshotChange change = SnapshotChange.open(image, Locking.EXCLUSIVE, cancellation)) {
            if (kind.equals("delete")) {
                change.delete(saved);
            } else {
                change.rename(saved, "renamed");
            }
        }
    }

    @Test
    void aKilledExportGoesOnWhereItWas() throws Exception {
        killed(6, "export", image, out, Compression.NONE);
        assertThat(out).doesNotExist();

        ExportOutcome outcome = export(image, out, Compression.NONE, Cancellation.NEVER);

        assertThat(outcome.resumedFrom()).isEqualTo(5 * MIB);
        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactlyInAnyOrder(image, out);
        }
    }

    @Thorough
    @Test
    void soDoesOneThatCompresses() throws Exception {
        Path whole = folder.resolve("whole");
        export(image, whole, Compression.ZSTD, Cancellation.NEVER);
        killed(6, "export", image, out, Compression.ZSTD);

        ExportOutcome outcome = export(image, out, Compression.ZSTD, Cancellation.NEVER);

        assertThat(outcome.resumedFrom()).isEqualTo(5 * MIB);
        assertThat(Files.mismatch(out, whole)).isEqualTo(-1);
    }

    /** The moment at which everything is written but the switch; those before and after it are visited in memory. */
    @Test
    void aKilledChangeOfSnapshotsLeavesTheImageAsItWasAndIsMadeTheNextTime() throws Exception {
        QemuTools.assumeAvailable();
        for (String kind : List.of("delete", "rename")) {
            Path copy = Files.copy(image, folder.resolve("copy"));
            int[] questions = {0};
            change(copy, kind, () -> questions[0]++);
            Files.delete(copy);
            byte[] before = Files.readAllBytes(image);

            killed(questions[0], kind, image);

            assertThat(QemuImg.check(image).isClean()).as("checked by qemu-img").isTrue();
            assertThat(QemuImg.snapshotNames(image)).containsExactly("saved", "other");
            change(image, kind, Cancellation.NEVER);
            assertThat(QemuImg.check(image).isClean()).as("checked by qemu-img").isTrue();
            assertThat(QemuImg.snapshotNames(image)).doesNotContain("saved").contains("other");
            Files.write(image, before);
        }
    }
}
