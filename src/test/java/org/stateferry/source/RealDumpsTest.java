package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.luben.zstd.ZstdInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.RamContent;

/**
 * Dumps that QEMU made, from the folder that the system property {@code stateferry.corpus} names; its {@code manifest.tsv}
 * says what each of them is.
 */
class RealDumpsTest {
    @TempDir
    Path folder;

    /** A line of the manifest: file, kind, QEMU version, machine type, RAM in MiB. */
    private record Entry(String file, String kind, String machineType, String ram) {
        long ramSize() {
            return Long.parseLong(ram.replace("M", "")) * 1024 * 1024;
        }
    }

    @Test
    void everyPlainDumpIsRecognisedAndCheckedToItsEnd() throws Exception {
        List<Entry> plain =
                entries().stream().filter(entry -> entry.kind.equals("plain")).toList();
        assertThat(plain).isNotEmpty();
        for (Entry entry : plain) {
            Path dump = unpack(entry.file);
            boolean described;
            try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
                assertThat(source.facts().machineType()).as(entry.file).isEqualTo(entry.machineType);
                assertThat(source.facts().mainMemorySize()).as(entry.file).hasValue(entry.ramSize());
                described = source.facts().vmDescription() != null;
                assertThat(source.warnings().isEmpty()).as(entry.file).isEqualTo(described);
            }
            assertThat(Dumps.readThrough(dump)).as(entry.file).isNull();
        }
    }

    @Test
    void mappedRamIsReadAsThePlainStreamOfTheSameGuest() throws Exception {
        for (String name :
                new String[] {"b_q35_seabios16.mapped", "b_q35_seabios16.mapped_offset", "c11_tiny_sparse"}) {
            Path dump = unpack(name.startsWith("b_") ? name + ".vmstate.zst" : name + ".save.zst");
            try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
                assertThat(source.facts()).as(name).isNotNull();
                assertThat(source.facts().capabilities()).as(name).isEmpty();
                assertThat(source.facts().vmDescription()).as(name).isNotNull();
            }
            assertThat(Dumps.readThrough(dump)).as(name).isNull();
        }
    }

    @Test
    void mappedRamHasThePagesOfThePlainDumpOfTheSameGuest() throws Exception {
        byte[] plain = Files.readAllBytes(unpack("b_q35_seabios16.vmstate.zst"));
        for (String name :
                new String[] {"b_q35_seabios16.mapped.vmstate.zst", "b_q35_seabios16.mapped_offset.vmstate.zst"}) {
            try (DumpSource source = DumpSources.open(unpack(name), DumpFormat.AUTO);
                    PieceStream pieces = source.pieces(0)) {
                ByteBuffer all = ByteBuffer.allocate((int) source.expectedLength());
                pieces.read(all);

                assertThat(RamContent.of(all.array())).as(name).isEqualTo(RamContent.of(plain));
            }
        }
    }

    @Test
    void everySaveFileOfLibvirtIsRead() throws Exception {
        int count = 0;
        for (Entry entry : entries()) {
            if (entry.kind.startsWith("libvirt-") && !entry.kind.equals("libvirt-sparse")) {
                Path dump = unpack(entry.file);
                try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
                    assertThat(source.form().container()).isEqualTo(DumpForm.Container.LIBVIRT);
                    assertThat(source.facts().machineType()).as(entry.file).isEqualTo(entry.machineType);
                    assertThat(source.facts().mainMemorySize()).as(entry.file).hasValue(entry.ramSize());
                }
                assertThat(Dumps.readThrough(dump)).as(entry.file).isNull();
                count++;
            }
        }
        assertThat(count).isPositive();
    }

    @Test
    void zerosBehindARealStreamAreLeftOut() throws Exception {
        Path padded = unpack("d_trailing_zeros.vmstate.zst");
        try (DumpSource source = DumpSources.open(padded, DumpFormat.AUTO)) {
            assertThat(source.streamLength()).hasValue(Files.size(padded) - 5000);
        }
        assertThat(Dumps.readThrough(padded)).isNull();
    }

    @Test
    void aRealStreamThatIsCutInsideAPageIsRefused() throws Exception {
        StateferryException failure = refusal("d_trunc_in_page.vmstate");
        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(failure.offset()).isEqualTo(221_569);
        assertThat(failure).hasMessageContaining("inside a RAM page");
    }

    /** At the ends of its sections, and anywhere. */
    @Test
    void aRealStreamIsRefusedWhereverItIsCut() throws Exception {
        for (Entry entry : entries()) {
            if (entry.kind.equals("plain")) {
                Path dump = unpack(entry.file);
                for (long length : cuts(dump)) {
                    try (FileChannel channel = FileChannel.open(dump, StandardOpenOption.WRITE)) {
                        channel.truncate(length);
                    }
                    StateferryException failure =
                            catchThrowableOfType(StateferryException.class, () -> Dumps.readThrough(dump));
                    assertThat(failure).as("%s cut at %d", entry.file, length).isNotNull();
                    assertThat(failure.kind()).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
                }
            }
        }
    }

    /** Lengths below that of the stream up to its end mark, from the largest on. */
    private static long[] cuts(Path dump) throws Exception {
        byte[] bytes = Files.readAllBytes(dump);
        int endMark = endMark(bytes);
        IntStream ends = IntStream.range(Math.max(0, endMark - 2_000_000), endMark)
                .filter(at -> bytes[at] == 0x7e && bytes[at + 1] == 0 && bytes[at + 2] == 0 && bytes[at + 5] == 4)
                .map(at -> at + 5);
        IntStream anywhere = new Random(1).ints(20, 8, endMark);
        return IntStream.concat(ends, anywhere)
                .distinct()
                .asLongStream()
                .map(at -> -at)
                .sorted()
                .map(at -> -at)
                .toArray();
    }

    /** The last zero byte behind a footer: only the vmdescription can follow it. */
    private static int endMark(byte[] bytes) {
        int at = bytes.length - 1;
        while (bytes[at] != 0 || bytes[at - 5] != 0x7e) {
            at--;
        }
        return at;
    }

    private StateferryException refusal(String file) throws IOException {
        Path dump = unpack(file);
        return catchThrowableOfType(StateferryException.class, () -> Dumps.readThrough(dump));
    }

    private static Path corpus() {
        @Nullable String folder = System.getProperty("stateferry.corpus");
        assumeTrue(folder != null, "system property stateferry.corpus names no folder with real dumps");
        return Path.of(folder);
    }

    private static List<Entry> entries() throws IOException {
        return Files.readAllLines(corpus().resolve("manifest.tsv")).stream()
                .skip(1)
                .map(line -> line.split("\t"))
                .map(fields -> new Entry(fields[0], fields[1], fields[3], fields[4]))
                .toList();
    }

    private Path unpack(String file) throws IOException {
        Path packed = corpus().resolve(file);
        if (!file.endsWith(".zst")) {
            return packed;
        }
        Path unpacked = folder.resolve("dump");
        try (InputStream content = new ZstdInputStream(Files.newInputStream(packed)).setLongMax(27)) {
            Files.copy(content, unpacked, StandardCopyOption.REPLACE_EXISTING);
        }
        return unpacked;
    }
}
