package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.stateferry.bytes.Alignment;

/**
 * The snapshot table (qcow2 specification, "Snapshots"): entries back to back, each at a multiple of 8 bytes. The table's
 * size is written nowhere; it follows from the entries, and the padding after the last one does not count.
 *
 * @param entries the snapshots in the table's order
 */
public record SnapshotTable(List<SnapshotTableEntry> entries) {

    public SnapshotTable {
        entries = List.copyOf(entries);
    }

    /** Bytes of the table, without the padding after the last entry. */
    public long size() {
        long size = 0;
        for (SnapshotTableEntry entry : entries) {
            size = Alignment.alignUp(size, SnapshotTableEntry.ALIGNMENT) + entry.size();
        }
        return size;
    }

    /** The table's bytes, with padding after every entry. */
    public ByteBuffer encode() {
        int size = entries.stream().mapToInt(SnapshotTableEntry::paddedSize).sum();
        ByteBuffer bytes = ByteBuffer.allocate(size);
        entries.forEach(entry -> entry.encode(bytes));
        return bytes.flip();
    }

    /** This table with one more entry at the end. */
    public SnapshotTable with(SnapshotTableEntry entry) {
        List<SnapshotTableEntry> extended = new ArrayList<>(entries);
        extended.add(entry);
        return new SnapshotTable(extended);
    }

    /** This table without one of its entries. */
    public SnapshotTable without(SnapshotTableEntry entry) {
        return new SnapshotTable(
                entries.stream().filter(kept -> !kept.equals(entry)).toList());
    }

    /** The first snapshot of that name, as {@code -loadvm} looks it up. */
    public Optional<SnapshotTableEntry> findByName(String name) {
        return entries.stream().filter(entry -> entry.nameText().equals(name)).findFirst();
    }

    /** The snapshot of that id. */
    public Optional<SnapshotTableEntry> findById(String id) {
        return entries.stream().filter(entry -> entry.idText().equals(id)).findFirst();
    }

    /**
     * The id for one more snapshot: that which QEMU would give it, one more than the largest, or the next that is no
     * snapshot's name. QEMU looks for an id before it looks for a name, so the new snapshot would hide the one so named.
     */
    public String nextId() {
        long largest =
                entries.stream().mapToLong(SnapshotTableEntry::idNumber).max().orElse(0);
        long next = largest + 1;
        Set<String> names = entries.stream().map(SnapshotTableEntry::nameText).collect(Collectors.toSet());
        while (names.contains(Long.toString(next))) {
            next++;
        }
        return Long.toString(next);
    }
}
