package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Journal;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.source.OpenMonitor;
import org.stateferry.source.RamLayout;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.Thorough;

/** States whose RAM lies at fixed places, kept as they are: what the guest never used costs nothing, in the journal either. */
class MappedImportTest {
    private static final int MIB = ImportBench.MIB;
    private static final int PAGES_PER_MIB = MIB / 4096;
    private static final int RAM_MIB = 48;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    @TempDir
    Path folder;

    private MappedStateBuilder state;
    private ImportBench bench;

    /** RAM with content in its first two mebibytes and its last two. */
    @BeforeEach
    void makeDump() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        List<byte @Nullable []> pages = new ArrayList<>();
        for (int index = 0; index < RAM_MIB * PAGES_PER_MIB; index++) {
            boolean used = index < 2 * PAGES_PER_MIB || index >= (RAM_MIB - 2) * PAGES_PER_MIB;
            byte[] page = new byte[4096];
            Arrays.fill(page, (byte) (index | 1));
            pages.add(used ? page : null);
        }
        state = new MappedStateBuilder(4096)
                .block("pc.ram", pages, (byte) 0)
                .withoutEmptyPart()
                .savedBy(ByteOrder.nativeOrder());
        bench = HOME.bench().withMappedDump(state);
        bench.ramLayout = RamLayout.MAPPED;
    }

    @Thorough
    @Test
    void aPlainDumpIsLaidOutAsQemuWouldHaveDoneAndComesOutAgainAsItWas() throws Exception {
        bench.withDump(state.plain(), state.build()).stopAt(40L * MIB);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        assertThat(records()).hasSizeLessThan(10);
        bench.undisturbed();

        ImportOutcome outcome = bench.run("saved");

        assertThat(bench.notices).anySatisfy(notice -> assertThat(notice).startsWith("going on from byte 4"));
        assertThat(outcome.bytesWritten()).isLessThanOrEqualTo(5L * MIB);
        bench.assertHolds("saved");
        assertThat(plainStateOf("saved")).isEqualTo(state.plain());
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
    }

    @Thorough
    @ParameterizedTest
    @EnumSource
    void ofWhatIsDamagedTheImageHasNothing(RamLayout layout) throws Exception {
        bench.ramLayout = layout;
        byte[] page = new byte[4096];
        Arrays.fill(page, (byte) 7);
        byte[] dump = new MappedStateBuilder(page.length)
                .block("pc.ram", Arrays.asList(page, null, page), (byte) 0)
                .build();
        int bitmap =
                new String(dump, 0, 1000, StandardCharsets.ISO_8859_1).indexOf("pc.ram") + "pc.ram".length() + 8 + 28;
        int pagesEnd = MIB + 3 * page.length;
        byte[] behindTheEnd = dump.clone();
        behindTheEnd[bitmap - 5] = 1;
        byte[] unknownSection = dump.clone();
        unknownSection[pagesEnd + Long.BYTES] = 0x55;
        for (byte[] damaged : List.of(
                Arrays.copyOf(dump, bitmap + 7),
                Arrays.copyOf(dump, MIB + 5000),
                Arrays.copyOf(dump, dump.length - 1),
                behindTheEnd,
                unknownSection)) {
            bench.withDump(damaged, damaged);

            StateferryException failure = bench.fail("saved");

            assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
            assertThat(failure.offset()).isBetween(0L, (long) dump.length);
            bench.assertSpaceGivenBack();
        }
    }

    private byte[] plainStateOf(String name) throws Exception {
        DumpChoice choice = new DumpChoice(DumpFormat.AUTO, 0, RamLayout.PLAIN, List.of(), name);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DumpSource source = DumpSources.open(bench.image(), choice, OpenMonitor.NONE)) {
            Dumps.readThrough(source, piece -> {
                byte[] part = new byte[piece.remaining()];
                piece.get(part);
                bytes.writeBytes(part);
            });
        }
        return bytes.toByteArray();
    }

    private List<BufferRecord> records() throws Exception {
        List<BufferRecord> records = new ArrayList<>();
        try (Journal journal = Journal.openForReading(bench.journal()).orElseThrow()) {
            long index = 0;
            Optional<BufferRecord> record = journal.buffer(index);
            while (record.isPresent()) {
                records.add(record.get());
                index += record.get().count();
                record = journal.buffer(index);
            }
        }
        return records;
    }

    @Thorough
    @Test
    void unusedMemoryIsOneRecordAndASecondAttemptGoesOnBehindIt() throws Exception {
        bench.stopAt(40L * MIB);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        List<BufferRecord> records = records();
        assertThat(records).hasSizeLessThan(10);
        assertThat(records).anySatisfy(record -> assertThat(record.count()).isGreaterThan(40));
        long proven = records.stream().mapToLong(BufferRecord::count).sum() * MIB;
        bench.undisturbed();

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(bench.notices).contains("going on from byte " + proven + ", which is proven to be in the image");
        assertThat(outcome.bytesWritten()).isLessThanOrEqualTo(5L * MIB);
        bench.assertHolds("saved");
    }

    @Thorough
    @Test
    void readBackItIsProvenAtOnce() throws Exception {
        bench.verify = true;

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.bytesWritten()).isLessThanOrEqualTo(6L * MIB);
        bench.assertHolds("saved");
    }

    @Thorough
    @Test
    void whereTheRecordOfUnusedMemoryIsDamagedTheNextAttemptBeginsThere() throws Exception {
        bench.stopAt(40L * MIB);
        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        long before = 0;
        for (BufferRecord record : records()) {
            if (record.count() > 1) {
                break;
            }
            before++;
        }
        int recordSize = 28 + 4 + 8 * (MIB / 65536) + 4;
        TestFiles.flipByte(bench.journal(), 180_224 + before * recordSize + 10);
        bench.undisturbed();

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.notices)
                .contains("going on from byte " + before * MIB + ", which is proven to be in the image");
        bench.assertHolds("saved");
    }
}
