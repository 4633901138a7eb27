package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.RandomAccess;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The snapshot table (qcow2 specification, "Snapshots"): entries back to back, each at a multiple of 8 bytes. The table's
 * size is written nowhere; it follows from the entries, and the padding after the last one does not count.
 *
 * <p>Memory is that of the bytes, and 4 more for each entry: entries are decoded when they are asked for, so that 64 Ki
 * snapshots take no more than their table does. Immutable.
 */
public final class SnapshotTable {
    /**
     * Ids that QEMU may give some day: it counts on from the largest. An image has 64 Ki snapshots at most, so this is more
     * than a guest that is saved every minute gets in a year.
     */
    private static final long IDS_WITHIN_REACH = 1 << 20;

    private static final int DIGITS_MAX = 20;

    private final byte[] bytes;
    /** Where each entry begins in the bytes. */
    private final int[] starts;

    private SnapshotTable(byte[] bytes, int[] starts) {
        this.bytes = bytes;
        this.starts = starts;
    }

    /** A table of these snapshots in this order. */
    public SnapshotTable(List<SnapshotTableEntry> entries) {
        ByteBuffer encoded = ByteBuffer.allocate(
                entries.stream().mapToInt(SnapshotTableEntry::paddedSize).sum());
        this.starts = new int[entries.size()];
        for (int index = 0; index < starts.length; index++) {
            starts[index] = encoded.position();
            entries.get(index).encode(encoded);
        }
        this.bytes = encoded.array();
    }

    /**
     * Reads a table.
     *
     * @param bytes all of its bytes from index 0 on; not to be changed any more
     * @param count how many entries it has
     * @param offset where it begins in the file, for messages
     * @throws StateferryException with kind IMAGE_CORRUPT if a field is out of range or the bytes end too early
     */
    public static SnapshotTable parse(byte[] bytes, int count, long offset, Path file) throws StateferryException {
        ByteCursor cursor = new ByteCursor(ByteBuffer.wrap(bytes), file, offset, FailureKind.IMAGE_CORRUPT);
        int[] starts = new int[count];
        for (int index = 0; index < count; index++) {
            starts[index] = (int) (cursor.offset() - offset);
            SnapshotTableEntry.skip(cursor, file);
        }
        return new SnapshotTable(bytes, starts);
    }

    /** The snapshots in the table's order. A view: each call of {@code get} decodes an entry anew. */
    public List<SnapshotTableEntry> entries() {
        return new Entries();
    }

    private final class Entries extends AbstractList<SnapshotTableEntry> implements RandomAccess {
        @Override
        public SnapshotTableEntry get(int index) {
            return SnapshotTableEntry.decode(ByteBuffer.wrap(bytes).position(starts[index]));
        }

        @Override
        public int size() {
            return starts.length;
        }
    }

    /** Bytes of the table, without the padding after the last entry. */
    public long size() {
        int last = starts.length - 1;
        return last < 0 ? 0 : (long) starts[last] + entries().get(last).size();
    }

    /** The table's bytes, with padding after every entry. */
    public ByteBuffer encode() {
        int last = starts.length - 1;
        int size = last < 0 ? 0 : starts[last] + entries().get(last).paddedSize();
        return ByteBuffer.wrap(Arrays.copyOf(bytes, size));
    }

    /** This table with one more entry at the end. */
    public SnapshotTable with(SnapshotTableEntry entry) {
        ByteBuffer present = encode();
        ByteBuffer extended = ByteBuffer.allocate(present.remaining() + entry.paddedSize());
        int[] extendedStarts = Arrays.copyOf(starts, starts.length + 1);
        extendedStarts[starts.length] = present.remaining();
        extended.put(present);
        entry.encode(extended);
        return new SnapshotTable(extended.array(), extendedStarts);
    }

    /** This table without an entry, or as it is if there is no such entry. */
    public SnapshotTable without(SnapshotTableEntry entry) {
        int removed = entries().indexOf(entry);
        if (removed < 0) {
            return this;
        }
        ByteBuffer present = encode();
        int from = starts[removed];
        int to = from + entry.paddedSize();
        ByteBuffer reduced = ByteBuffer.allocate(present.remaining() - entry.paddedSize());
        reduced.put(present.slice(0, from)).put(present.slice(to, present.remaining() - to));
        int[] reducedStarts = new int[starts.length - 1];
        for (int index = 0; index < reducedStarts.length; index++) {
            reducedStarts[index] = index < removed ? starts[index] : starts[index + 1] - entry.paddedSize();
        }
        return new SnapshotTable(reduced.array(), reducedStarts);
    }

    /** This table with another entry in the place of one of its own. */
    public SnapshotTable replaced(SnapshotTableEntry entry, SnapshotTableEntry replacement) {
        List<SnapshotTableEntry> replaced = new ArrayList<>(entries());
        replaced.set(replaced.indexOf(entry), replacement);
        return new SnapshotTable(replaced);
    }

    /**
     * This table with another name for one of its entries. The rule of {@link #idFor} holds: if the name is a number that ids
     * will reach while the snapshot is there, it becomes the snapshot's id as well.
     *
     * @param entry one of the table's
     * @param name that of no other entry, and no other entry's id
     */
    public SnapshotTable renamed(SnapshotTableEntry entry, String name) {
        OptionalLong number = number(name);
        // QEMU counts on from the largest id, which is this entry's or a larger one.
        boolean reachable = number.isPresent()
                && Long.compareUnsigned(number.getAsLong(), entry.idNumber()) > 0
                && Long.compareUnsigned(number.getAsLong() - entry.idNumber(), IDS_WITHIN_REACH) <= 0;
        return replaced(entry, entry.named(reachable ? name : null, name));
    }

    /** The first snapshot that QEMU lists under that name, as {@code -loadvm} looks it up. */
    public Optional<SnapshotTableEntry> findByName(String name) {
        return find(entry -> entry.hasName(name));
    }

    /** The snapshot that QEMU finds by that id. */
    public Optional<SnapshotTableEntry> findById(String id) {
        return find(entry -> entry.hasId(id));
    }

    private Optional<SnapshotTableEntry> find(Predicate<SnapshotTableEntry> wanted) {
        return entries().stream().filter(wanted).findFirst();
    }

    /**
     * The id for one more snapshot. QEMU looks for an id before it looks for a name, so nobody's name may be another's id, not
     * even the id of a snapshot that QEMU makes later: it counts on from the largest. So a name that is a number which those
     * ids will reach becomes the id as well; else the id is the one that QEMU would give, or the next that is no snapshot's
     * name.
     *
     * @param name of the snapshot; it is no snapshot's id
     */
    public String idFor(String name) {
        long largest = 0;
        for (SnapshotTableEntry entry : entries()) {
            long number = entry.idNumber();
            largest = Long.compareUnsigned(number, largest) > 0 ? number : largest;
        }
        long next = largest + 1; // after the largest of all comes 0, as with QEMU
        OptionalLong number = number(name);
        if (number.isPresent()
                && Long.compareUnsigned(number.getAsLong(), next) >= 0
                && Long.compareUnsigned(number.getAsLong() - next, IDS_WITHIN_REACH) <= 0) {
            return name;
        }
        long[] taken = entries().stream()
                .flatMapToLong(
                        entry -> LongStream.concat(number(entry.nameText()).stream(), number(entry.idText()).stream()))
                .sorted()
                .toArray();
        while (Arrays.binarySearch(taken, next) >= 0) {
            next++;
        }
        return Long.toUnsignedString(next);
    }

    /** The number that a text is if it is written as QEMU writes ids: decimal, unsigned, 64 bits, no leading zero. */
    private static OptionalLong number(String text) {
        if (!text.matches("0|[1-9][0-9]{0," + (DIGITS_MAX - 1) + "}")) {
            return OptionalLong.empty();
        }
        try {
            return OptionalLong.of(Long.parseUnsignedLong(text));
        } catch (NumberFormatException e) {
            return OptionalLong.empty(); // more than 64 bits
        }
    }
}
