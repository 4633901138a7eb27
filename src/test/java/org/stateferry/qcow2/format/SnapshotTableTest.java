package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.Seeds;

class SnapshotTableTest {
    private static final Path FILE = Path.of("/disk.qcow2");

    static LongStream seeds() {
        return Seeds.of(5);
    }

    private static SnapshotTableEntry entry(String id, String name) {
        return SnapshotTableEntry.create(65536, 3, id, name, 1_700_000_000, 5000, 0, 1000, 1 << 20);
    }

    private static SnapshotTableEntry parse(byte[] bytes) throws StateferryException {
        return SnapshotTable.parse(bytes, 1, 4096, FILE).entries().get(0);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void keepsEntriesByteForByte(long seed) throws Exception {
        Random random = new Random(seed);
        ByteBuffer bytes = ByteBuffer.allocate(100_000);
        for (int count = 0; count < 20; count++) {
            putRandomEntry(bytes, random);
        }
        byte[] original = new byte[bytes.position()];
        bytes.get(0, original);

        SnapshotTable table = parseTable(original);

        assertThat(table.entries()).hasSize(20);
        assertThat(table.encode().array()).isEqualTo(original);
        assertThat(new SnapshotTable(table.entries()).encode().array()).isEqualTo(original);
        SnapshotTableEntry removed = table.entries().get(random.nextInt(20));
        SnapshotTable shorter = table.without(removed);
        assertThat(shorter.entries()).hasSize(19).doesNotContain(removed);
        assertThat(shorter.with(removed).without(removed).encode()).isEqualTo(shorter.encode());
    }

    private static void putRandomEntry(ByteBuffer bytes, Random random) {
        byte[] fixed = new byte[40];
        random.nextBytes(fixed);
        byte[] texts = new byte[random.nextInt(300)];
        random.nextBytes(texts);
        int idSize = texts.length / 3;
        int extraSize = random.nextInt(Qcow2Limits.MAX_SNAPSHOT_EXTRA_DATA + 1);
        byte[] extra = new byte[extraSize];
        random.nextBytes(extra);
        ByteBuffer.wrap(fixed)
                .putInt(8, random.nextInt(Qcow2Limits.MAX_L1_ENTRIES + 1))
                .putShort(12, (short) idSize)
                .putShort(14, (short) (texts.length - idSize))
                .putInt(36, extraSize);
        bytes.put(fixed).put(extra).put(texts).position((bytes.position() + 7) / 8 * 8);
    }

    private static SnapshotTable parseTable(byte[] bytes) throws StateferryException {
        return SnapshotTable.parse(bytes, 20, 0, FILE);
    }

    @Test
    void laysOutAnEntryAsTheSpecificationSays() {
        ByteBuffer bytes = new SnapshotTable(List.of(entry("12", "näme"))).encode();

        assertThat(bytes.remaining()).isEqualTo(72);
        assertThat(bytes.getLong(0)).isEqualTo(65536);
        assertThat(bytes.getInt(8)).isEqualTo(3);
        assertThat(bytes.getShort(12)).isEqualTo((short) 2);
        assertThat(bytes.getShort(14)).as("bytes, not characters").isEqualTo((short) 5);
        assertThat(bytes.getInt(16)).isEqualTo(1_700_000_000);
        assertThat(bytes.getInt(20)).isEqualTo(5000);
        assertThat(bytes.getLong(24)).isZero();
        assertThat(bytes.getInt(32)).isEqualTo(1000);
        assertThat(bytes.getInt(36)).isEqualTo(24);
        assertThat(bytes.getLong(40)).isEqualTo(1000);
        assertThat(bytes.getLong(48)).isEqualTo(1 << 20);
        assertThat(bytes.getLong(56)).as("no instruction count").isEqualTo(-1);
        assertThat(new String(bytes.array(), 64, 7, StandardCharsets.UTF_8)).isEqualTo("12näme");
        assertThat(bytes.get(71)).isZero();
    }

    @Test
    void doesNotCountThePaddingAfterTheLastEntry() {
        SnapshotTable table = new SnapshotTable(List.of(entry("1", "a"), entry("2", "b")));

        assertThat(table.size()).isEqualTo(72 + 66);
        assertThat(table.encode().remaining()).isEqualTo(72 + 72);
        assertThat(new SnapshotTable(List.of()).size()).isZero();
    }

    @Test
    void hidesAVmStateOf4GibFromReadersOf32Bits() throws Exception {
        SnapshotTableEntry large = SnapshotTableEntry.create(0, 1, "1", "n", 0, 0, 0, 1L << 32, 0);
        SnapshotTableEntry small = SnapshotTableEntry.create(0, 1, "1", "n", 0, 0, 0, (1L << 32) - 1, 0);

        assertThat(large.vmStateSize32()).isZero();
        assertThat(large.vmStateSize()).isEqualTo(1L << 32);
        assertThat(small.vmStateSize32()).isEqualTo((1L << 32) - 1);
        byte[] bytes = new SnapshotTable(List.of(small)).encode().array();
        assertThat(parse(bytes).vmStateSize32()).isEqualTo((1L << 32) - 1);
    }

    @ParameterizedTest
    @CsvSource({"0, 77, 5", "7, 77, 5", "8, 1000, 5", "15, 1000, 5", "16, 1000, 999", "24, 1000, 999", "40, 1000, 999"})
    void takesOfTheExtraDataWhatThereIs(int extraSize, long vmStateSize, long diskSize) throws Exception {
        byte[] bytes = new byte[40 + extraSize];
        ByteBuffer fields = ByteBuffer.allocate(200).putInt(32, 77).putInt(36, extraSize);
        fields.putLong(40, 1000).putLong(48, 999).get(0, bytes);

        SnapshotTableEntry entry = parse(bytes);

        assertThat(entry.vmStateSize()).isEqualTo(vmStateSize);
        assertThat(entry.diskSize(5)).isEqualTo(diskSize);
        assertThat(entry.hasDiskSize()).isEqualTo(extraSize >= 16);
        assertThat(entry.extraData()).hasSize(extraSize);
    }

    @Test
    void refusesMoreExtraDataAndLargerTablesThanQemuDoes() {
        byte[] extra = new byte[5000];
        ByteBuffer.wrap(extra).putInt(36, 1025);
        byte[] l1Size = new byte[5000];
        ByteBuffer.wrap(l1Size).putInt(8, Qcow2Limits.MAX_L1_ENTRIES + 1);

        assertThatThrownBy(() -> parse(extra)).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
            assertThat(failure.offset()).isEqualTo(4096 + 36);
            assertThat(failure.problem()).contains("1025");
        });
        assertThatThrownBy(() -> parse(l1Size)).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.offset()).isEqualTo(4096 + 8);
            assertThat(failure.problem()).contains("4194305");
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 39, 40, 63, 65})
    void refusesAnEntryThatIsCutShort(int size) {
        byte[] whole = new SnapshotTable(List.of(entry("1", "a"))).encode().array();

        assertThatThrownBy(() -> parse(Arrays.copyOf(whole, size)))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("truncated");
    }

    @Test
    void findsTheFirstOfANameAndTheOneOfAnId() {
        SnapshotTableEntry first = entry("7", "same");
        SnapshotTable table = new SnapshotTable(List.of(first)).with(entry("same", "7"));
        SnapshotTable longer = table.with(entry("8", "same"));

        assertThat(longer.findByName("same")).contains(first);
        assertThat(longer.findById("same")).contains(table.entries().get(1));
        assertThat(longer.findByName("other")).isEmpty();
        assertThat(longer.findById("other")).isEmpty();
    }

    /** As {@code strtoul} reads them, and with numbers of 64 bits. */
    @ParameterizedTest
    @CsvSource({
        "'', 1",
        "1, 2",
        "007, 8",
        "12abc, 13",
        "abc, 1",
        "' +5', 6",
        "'5 6', 6",
        "9223372036854775807, 9223372036854775808",
        "18446744073709551614, 18446744073709551615",
        // The largest number, and what is larger; QEMU goes on with 0 then.
        "18446744073709551615, 1",
        "99999999999999999999, 1",
        "-1, 1"
    })
    void givesTheNextIdAsQemuCountsThem(String id, String next) {
        SnapshotTable table = new SnapshotTable(List.of(entry(id, "n"), entry("0", "m")));

        assertThat(table.idFor("imported")).isEqualTo(next);
    }

    @Test
    @Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void findsTheNextIdSoonWhenEveryOtherIsAName() {
        List<SnapshotTableEntry> entries = new ArrayList<>();
        for (int number = 65_536; number > 0; number--) {
            entries.add(entry("0", Integer.toString(number)));
        }

        assertThat(new SnapshotTable(entries).idFor("imported")).isEqualTo("65537");
    }

    @Test
    void startsWithIdOne() {
        assertThat(new SnapshotTable(List.of()).idFor("imported")).isEqualTo("1");
    }

    /** Or QEMU would give that id to another snapshot later, and take that one for the name. */
    @ParameterizedTest
    @CsvSource({"7, 8, 8", "7, 100, 100", "7, 7, 8", "7, 3, 8", "7, 08, 8", "7, +9, 8", "7, 20261127, 8", "7, 9x, 8"})
    void makesANumberThatLaterIdsWillReachTheIdAsWell(String largest, String name, String id) {
        SnapshotTable table = new SnapshotTable(List.of(entry("1", "one"), entry(largest, "largest")));

        assertThat(table.idFor(name)).isEqualTo(id);
    }

    @Test
    void readsIdAndNameAsQemuDoesUpToANulAndToItsLength() throws Exception {
        byte[] bytes = new SnapshotTable(List.of(entry("12", "saved"))).encode().array();
        bytes[65] = 0;
        bytes[68] = 0;
        SnapshotTable table = new SnapshotTable(List.of(parse(bytes), entry("3", "x".repeat(300))));

        assertThat(table.entries().get(0).idText()).isEqualTo("1");
        assertThat(table.entries().get(0).nameText()).isEqualTo("sa");
        assertThat(table.findByName("sa")).isPresent();
        assertThat(table.findById("1")).isPresent();
        assertThat(table.findByName("saved")).isEmpty();
        assertThat(table.findById("12")).isEmpty();
        assertThat(table.findByName("x".repeat(255))).isPresent();
        assertThat(table.findByName("x".repeat(300))).isEmpty();
    }

    /** Two names that are malformed in different ways are shown alike, and are not the same. */
    @Test
    void comparesBytesAndNotWhatIsShownOfThem() throws Exception {
        byte[] bytes = new SnapshotTable(List.of(entry("12", "saved"))).encode().array();
        bytes[66] = (byte) 0xff;
        SnapshotTable table = new SnapshotTable(List.of(parse(bytes)));

        assertThat(table.entries().get(0).nameText()).isEqualTo("\\xffaved");
        assertThat(table.findByName("\\xffaved")).isEmpty();
        assertThat(table.findByName("\ufffdaved")).isEmpty();
    }
}
