package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** Header extensions, and those for bitmaps. */
class HeaderExtensionTest {
    private static final Path FILE = Path.of("/disk.qcow2");
    private static final ClusterGeometry GEOMETRY = new ClusterGeometry(9, false, 4);
    private static final int START = 104;

    private static Qcow2Header header(long backingFileOffset) {
        return new Qcow2Header.Builder()
                .version(3)
                .clusterBits(9)
                .backingFileOffset(backingFileOffset)
                .headerLength(START)
                .build();
    }

    private static ByteBuffer cluster() {
        return ByteBuffer.allocate(512).position(START);
    }

    private static List<HeaderExtension> parse(ByteBuffer cluster, long backingFileOffset) throws StateferryException {
        List<HeaderExtension> extensions = new ArrayList<>();
        HeaderExtension.forEach(cluster.clear(), header(backingFileOffset), FILE, extensions::add);
        return extensions;
    }

    @Test
    void readsExtensionsOfAnyTypeUpToTheEndMark() throws Exception {
        ByteBuffer cluster = cluster()
                .putInt(0x1234_5678)
                .putInt(3)
                .put(new byte[] {1, 2, 3, 0, 0, 0, 0, 0})
                .putInt(HeaderExtension.FEATURE_NAMES)
                .putInt(0)
                .putInt(0)
                .putInt(77)
                .putInt(0x1234_5678);

        List<HeaderExtension> extensions = parse(cluster, 0);

        assertThat(extensions).hasSize(2);
        assertThat(extensions.get(0).type()).isEqualTo(0x1234_5678);
        assertThat(extensions.get(0).offset()).isEqualTo(START + 8);
        assertThat(extensions.get(0).data()).containsExactly(1, 2, 3);
        assertThat(extensions.get(1).type()).isEqualTo(HeaderExtension.FEATURE_NAMES);
    }

    @Test
    void endsAtTheBackingFilesNameAndAtTheClustersEnd() throws Exception {
        ByteBuffer beforeName = cluster().putInt(1).putInt(8).putLong(0).put("name".getBytes());
        ByteBuffer full = cluster().putInt(1).putInt(512 - START - 8);

        assertThat(parse(beforeName, START + 16)).hasSize(1);
        assertThat(parse(full, 0)).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({"401, 0", "-1, 0", "2147483647, 0", "9, 120"})
    void refusesAnExtensionThatIsLongerThanItsPlace(int length, long backingFileOffset) {
        ByteBuffer cluster = cluster().putInt(7).putInt(length);

        assertThatThrownBy(() -> parse(cluster, backingFileOffset))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
                    assertThat(failure.offset()).isEqualTo(START);
                    assertThat(failure.problem()).contains("0x00000007");
                });
    }

    @Test
    void refusesAnEndOfTheListThatHasALength() {
        assertThatThrownBy(() -> parse(cluster().putInt(0).putInt(401), 0))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("is too long");
    }

    @Test
    void refusesABackingFormatThatQemuHasNoRoomFor() throws Exception {
        int type = HeaderExtension.BACKING_FORMAT;

        assertThat(parse(cluster().putInt(type).putInt(15), 0)).hasSize(1);
        assertThatThrownBy(() -> parse(cluster().putInt(type).putInt(16), 0)).isInstanceOf(StateferryException.class);
    }

    private static BitmapsExtension bitmaps(int count, long size, long offset) throws StateferryException {
        byte[] data = ByteBuffer.allocate(24)
                .putInt(count)
                .putInt(0)
                .putLong(size)
                .putLong(offset)
                .array();
        return BitmapsExtension.parse(new HeaderExtension(HeaderExtension.BITMAPS, 112, data), GEOMETRY, FILE);
    }

    @Test
    void readsTheBitmapsExtension() throws Exception {
        int size = Qcow2Limits.MAX_BITMAP_DIRECTORY_SIZE;
        assertThat(bitmaps(65535, size, 1024)).isEqualTo(new BitmapsExtension(65535, size, 1024));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 64, 512",
        "65536, 64, 512",
        "-1, 64, 512",
        "1, 0, 512",
        "1, -1, 512",
        "1, 67107841, 512",
        "1, 64, 0",
        "1, 64, 513",
        "1, 64, -512",
        "1, 64, 72057594037927936"
    })
    void refusesABitmapsExtensionThatIsOutOfRange(int count, long size, long offset) {
        assertThatThrownBy(() -> bitmaps(count, size, offset))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
                    assertThat(failure.offset()).isEqualTo(112);
                });
    }

    @Test
    void refusesABitmapsExtensionThatIsCutShort() {
        HeaderExtension cut = new HeaderExtension(HeaderExtension.BITMAPS, 112, new byte[23]);

        assertThatThrownBy(() -> BitmapsExtension.parse(cut, GEOMETRY, FILE))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("truncated");
    }

    /** Of a disk of 32 KiB and a granularity of 512 bytes, which is 64 bits. */
    private static ByteBuffer directoryEntry(long tableOffset, int tableSize, int extraSize, String name) {
        int size = (24 + name.length() + 7) / 8 * 8;
        return ByteBuffer.allocate(Math.max(size, 100))
                .putLong(tableOffset)
                .putInt(tableSize)
                .putInt(0)
                .put((byte) 1)
                .put((byte) 9)
                .putShort((short) name.length())
                .putInt(extraSize)
                .put(name.getBytes())
                .clear()
                .limit(size);
    }

    private static ByteCursor cursor(ByteBuffer bytes) {
        return new ByteCursor(bytes, FILE, 1024, FailureKind.IMAGE_CORRUPT);
    }

    private static BitmapDirectoryEntry parseEntry(ByteCursor cursor, long diskSize) throws StateferryException {
        Qcow2Header header = new Qcow2Header.Builder()
                .version(3)
                .clusterBits(9)
                .size(diskSize)
                .build();
        return BitmapDirectoryEntry.parse(cursor, header, FILE);
    }

    @Test
    void readsBitmapDirectoryEntriesOneAfterTheOther() throws Exception {
        ByteBuffer two = ByteBuffer.allocate(200)
                .put(directoryEntry(512, 1, 0, "first"))
                .put(directoryEntry(1024, 1, 0, "second\0one"))
                .flip();

        ByteCursor cursor = cursor(two);

        assertThat(parseEntry(cursor, 32 * 1024)).isEqualTo(new BitmapDirectoryEntry(512, 1, false, "first"));
        assertThat(parseEntry(cursor, 32 * 1024)).isEqualTo(new BitmapDirectoryEntry(1024, 1, false, "second"));
        assertThat(cursor.remaining()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1, 0",
        "513, 1, 0",
        "-512, 1, 0",
        "512, 1048577, 0",
        "512, 0, 0",
        "512, -1, 0",
        "512, 2, 0",
        "512, 1, 8",
        "512, 1, -1"
    })
    void refusesABitmapDirectoryEntryThatIsOutOfRange(long tableOffset, int tableSize, int extraSize) {
        ByteCursor cursor = cursor(directoryEntry(tableOffset, tableSize, extraSize, "name"));

        assertThatThrownBy(() -> parseEntry(cursor, 32 * 1024))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
                    assertThat(failure.offset()).isEqualTo(1024);
                });
    }

    /** 64 bits to a word of 8 bytes, 512 bytes to a cluster of the table. */
    @ParameterizedTest
    @CsvSource({"512, 1", "2097152, 1", "2097664, 2", "1073741824, 512"})
    void aTableIsAsLongAsTheDiskNeedsUnlessTheBitmapIsInUse(long diskSize, int tableSize) throws Exception {
        ByteBuffer entry = directoryEntry(512, tableSize, 0, "name");

        assertThat(parseEntry(cursor(entry), diskSize).tableSize()).isEqualTo(tableSize);
        assertThatThrownBy(() -> parseEntry(cursor(entry), diskSize + 2_097_152))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("are needed for the disk");
        entry.put(15, (byte) 1);
        assertThat(parseEntry(cursor(entry), diskSize + 2_097_152).inUse()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"12, 4", "16, 0", "16, 2", "17, 8", "17, 32", "18, 4"})
    void refusesABitmapThatQemuDoesNotLoad(int at, int value) {
        ByteBuffer entry = directoryEntry(512, 1, 0, "name");
        entry.put(at, (byte) value);

        assertThatThrownBy(() -> parseEntry(cursor(entry), 32 * 1024))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("QEMU does not accept");
    }

    @Test
    void refusesABitmapDirectoryThatEndsWithinAnEntry() {
        ByteBuffer entry = directoryEntry(512, 1, 0, "name");

        assertThatThrownBy(() -> parseEntry(cursor(entry.limit(entry.limit() - 1)), 32 * 1024))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("truncated");
    }

    @Test
    void takesTheOffsetOutOfABitmapTableEntry() {
        assertThat(BitmapDirectoryEntry.dataOffset(1))
                .as("all ones, no cluster")
                .isZero();
        assertThat(BitmapDirectoryEntry.dataOffset(0x1_0000)).isEqualTo(0x1_0000);
        assertThat(BitmapDirectoryEntry.dataOffset(-1)).isEqualTo(0x00ff_ffff_ffff_fe00L);
    }
}
