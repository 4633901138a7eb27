package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;

/**
 * Snapshot table entry (qcow2 specification, "Snapshots"), each at a multiple of 8 bytes:
 *
 * <pre>
 *   0 be64 l1_table_offset   8 be32 l1_size     12 be16 id length   14 be16 name length
 *  16 be32 seconds          20 be32 nanoseconds 24 be64 guest run time in nanoseconds
 *  32 be32 vm_state_size    36 be32 extra data size
 *  40 extra data: be64 vm_state_size, be64 disk_size, be64 icount, whatever a later version adds
 *     id, name (neither ends with a NUL), padding to 8
 * </pre>
 *
 * @param l1TableOffset host offset of the snapshot's L1 table
 * @param l1Size its entries
 * @param id unique; bytes of UTF-8 as they are
 * @param name bytes of UTF-8 as they are
 * @param dateSeconds time of the snapshot, seconds since 1970, unsigned
 * @param dateNanos the fraction of a second
 * @param vmClockNanos how long the guest had run
 * @param vmStateSize32 the vmstate's size as old readers see it
 * @param extraData extra data, kept byte for byte
 */
public record SnapshotTableEntry(
        long l1TableOffset,
        int l1Size,
        byte[] id,
        byte[] name,
        long dateSeconds,
        long dateNanos,
        long vmClockNanos,
        long vmStateSize32,
        byte[] extraData) {

    /** Every entry begins at a multiple of this many bytes. */
    public static final int ALIGNMENT = 8;
    /** The value of {@code icount} when instruction counting is off. */
    public static final long ICOUNT_DISABLED = -1;

    /** The longest entry that {@link #create} makes: with an id of 20 digits, the longest name, and padding before it. */
    public static final int MAX_CREATED_SIZE = 40 + 24 + 20 + Qcow2Limits.MAX_SNAPSHOT_NAME_SIZE + ALIGNMENT;

    private static final int FIXED_SIZE = 40;
    private static final int KNOWN_EXTRA_SIZE = 24;
    private static final int DISK_SIZE_IN_EXTRA_END = 16;
    private static final int VM_STATE_SIZE_IN_EXTRA_END = 8;

    /**
     * A new entry as QEMU writes it: 24 bytes of extra data, and a 32-bit vmstate size of 0 if the real one does not fit,
     * so that an old reader takes the snapshot for one of the disk alone.
     */
    public static SnapshotTableEntry create(
            long l1TableOffset,
            int l1Size,
            String id,
            String name,
            long dateSeconds,
            long dateNanos,
            long vmClockNanos,
            long vmStateSize,
            long diskSize) {
        byte[] extra = ByteBuffer.allocate(KNOWN_EXTRA_SIZE)
                .putLong(vmStateSize)
                .putLong(diskSize)
                .putLong(ICOUNT_DISABLED)
                .array();
        return new SnapshotTableEntry(
                l1TableOffset,
                l1Size,
                id.getBytes(StandardCharsets.UTF_8),
                name.getBytes(StandardCharsets.UTF_8),
                dateSeconds,
                dateNanos,
                vmClockNanos,
                size32(vmStateSize),
                extra);
    }

    /**
     * This entry with another name.
     *
     * @param newId another id as well, or null for the one that it has
     */
    SnapshotTableEntry named(@Nullable String newId, String newName) {
        return new SnapshotTableEntry(
                l1TableOffset,
                l1Size,
                newId == null ? id : newId.getBytes(StandardCharsets.UTF_8),
                newName.getBytes(StandardCharsets.UTF_8),
                dateSeconds,
                dateNanos,
                vmClockNanos,
                vmStateSize32,
                extraData);
    }

    /**
     * This entry of a snapshot of the disk alone, with a state as {@link #create} would write it. Id, name, date, and what a
     * later version has added to the extra data stay.
     *
     * @param diskSize the disk's size in bytes, for an entry that does not say
     */
    public SnapshotTableEntry withVmState(
            long newL1TableOffset, int newL1Size, long newVmClockNanos, long vmStateSize, long diskSize) {
        byte[] extra = Arrays.copyOf(extraData, Math.max(KNOWN_EXTRA_SIZE, extraData.length));
        ByteBuffer.wrap(extra).putLong(vmStateSize).putLong(diskSize(diskSize)).putLong(ICOUNT_DISABLED);
        return new SnapshotTableEntry(
                newL1TableOffset,
                newL1Size,
                id,
                name,
                dateSeconds,
                dateNanos,
                newVmClockNanos,
                size32(vmStateSize),
                extra);
    }

    private static long size32(long vmStateSize) {
        return vmStateSize <= 0xffff_ffffL ? vmStateSize : 0;
    }

    /**
     * Goes past an entry and the padding after it, as far as there is some, and checks what its fields say of sizes.
     *
     * @return the entry's bytes without the padding
     */
    public static int skip(ByteCursor cursor, Path file) throws StateferryException {
        long start = cursor.offset();
        cursor.skip(8);
        long l1Size = cursor.u32();
        int idSize = cursor.u16();
        int nameSize = cursor.u16();
        cursor.skip(20);
        long extraSize = cursor.u32();
        if (extraSize > Qcow2Limits.MAX_SNAPSHOT_EXTRA_DATA) {
            throw StateferryException.at(
                            FailureKind.IMAGE_CORRUPT,
                            file,
                            start + 36,
                            "snapshot entry has " + extraSize + " bytes of extra data, more than 1024")
                    .advise("Make a copy of the image, and let QEMU drop them: qemu-img check -r all COPY");
        }
        if (l1Size > Qcow2Limits.MAX_L1_ENTRIES) {
            throw StateferryException.at(
                            FailureKind.IMAGE_CORRUPT,
                            file,
                            start + 8,
                            "snapshot L1 table of " + l1Size + " entries is too large")
                    .advise("Make a copy without the snapshots: qemu-img convert -O qcow2");
        }
        cursor.skip((int) extraSize + idSize + nameSize);
        int size = (int) (cursor.offset() - start);
        cursor.skip((int) Math.min(Alignment.alignUp(size, ALIGNMENT) - size, cursor.remaining()));
        return size;
    }

    /** Decodes an entry that {@link #skip} has found to be all there; it begins at the buffer's position. */
    static SnapshotTableEntry decode(ByteBuffer bytes) {
        long l1TableOffset = bytes.getLong();
        int l1Size = bytes.getInt();
        byte[] id = new byte[Short.toUnsignedInt(bytes.getShort())];
        byte[] name = new byte[Short.toUnsignedInt(bytes.getShort())];
        long dateSeconds = Integer.toUnsignedLong(bytes.getInt());
        long dateNanos = Integer.toUnsignedLong(bytes.getInt());
        long vmClockNanos = bytes.getLong();
        long vmStateSize32 = Integer.toUnsignedLong(bytes.getInt());
        byte[] extra = new byte[bytes.getInt()];
        bytes.get(extra).get(id).get(name);
        return new SnapshotTableEntry(
                l1TableOffset, l1Size, id, name, dateSeconds, dateNanos, vmClockNanos, vmStateSize32, extra);
    }

    /** Bytes of the entry without the padding after it. */
    public int size() {
        return FIXED_SIZE + extraData.length + id.length + name.length;
    }

    /** Bytes of the entry with the padding that lets the next one begin at a multiple of 8. */
    public int paddedSize() {
        return (int) Alignment.alignUp(size(), ALIGNMENT);
    }

    /** Puts the entry and its padding. */
    void encode(ByteBuffer target) {
        int end = target.position() + paddedSize();
        target.putLong(l1TableOffset)
                .putInt(l1Size)
                .putShort((short) id.length)
                .putShort((short) name.length)
                .putInt((int) dateSeconds)
                .putInt((int) dateNanos)
                .putLong(vmClockNanos)
                .putInt((int) vmStateSize32)
                .putInt(extraData.length)
                .put(extraData)
                .put(id)
                .put(name);
        ZeroBytes.put(target, end - target.position());
    }

    /** The id as QEMU reads it: it ends where a NUL is. Bytes that are not UTF-8 are written as {@code \xff}. */
    public String idText() {
        return ForeignText.decode(ByteBuffer.wrap(id, 0, textSize(id)));
    }

    /**
     * The name as QEMU lists it: it ends where a NUL is, and after 255 bytes. Bytes that are not UTF-8 are
     * written as {@code \xff}.
     */
    public String nameText() {
        return ForeignText.decode(ByteBuffer.wrap(name, 0, listedNameSize()));
    }

    /** Whether QEMU finds the snapshot by this id. */
    public boolean hasId(String text) {
        byte[] wanted = text.getBytes(StandardCharsets.UTF_8);
        return Arrays.equals(id, 0, textSize(id), wanted, 0, wanted.length);
    }

    /** Whether QEMU lists the snapshot under this name, in which {@code -loadvm} looks for it. */
    public boolean hasName(String text) {
        byte[] wanted = text.getBytes(StandardCharsets.UTF_8);
        return Arrays.equals(name, 0, listedNameSize(), wanted, 0, wanted.length);
    }

    private int listedNameSize() {
        return Math.min(textSize(name), Qcow2Limits.MAX_SNAPSHOT_NAME_SIZE);
    }

    private static int textSize(byte[] text) {
        int size = 0;
        while (size < text.length && text[size] != 0) {
            size++;
        }
        return size;
    }

    /** Bytes of vmstate; 0 for a snapshot of the disk alone. */
    public long vmStateSize() {
        return extraData.length >= VM_STATE_SIZE_IN_EXTRA_END
                ? ByteBuffer.wrap(extraData).getLong(0)
                : vmStateSize32;
    }

    /** Whether the entry says how large the disk was; version 3 requires it. */
    public boolean hasDiskSize() {
        return extraData.length >= DISK_SIZE_IN_EXTRA_END;
    }

    /** The disk's size at the snapshot in bytes, or {@code otherwise} if the entry does not say. */
    public long diskSize(long otherwise) {
        return hasDiskSize() ? ByteBuffer.wrap(extraData).getLong(8) : otherwise;
    }

    /** The guest's instruction count, or empty if the entry has none or counting was off. */
    public OptionalLong icount() {
        if (extraData.length < KNOWN_EXTRA_SIZE) {
            return OptionalLong.empty();
        }
        long count = ByteBuffer.wrap(extraData).getLong(DISK_SIZE_IN_EXTRA_END);
        return count == ICOUNT_DISABLED ? OptionalLong.empty() : OptionalLong.of(count);
    }

    /**
     * The number that QEMU takes an id for when it looks for the next free one ({@code strtoul}), unsigned: white space, a
     * sign and digits; 0 if there are none, the largest number if it is too large.
     */
    public long idNumber() {
        int at = 0;
        while (at < id.length && (id[at] == ' ' || id[at] >= '\t' && id[at] <= '\r')) {
            at++;
        }
        boolean negative = at < id.length && id[at] == '-';
        at += at < id.length && (negative || id[at] == '+') ? 1 : 0;
        long number = 0;
        for (; at < id.length && id[at] >= '0' && id[at] <= '9'; at++) {
            int digit = id[at] - '0';
            if (Long.compareUnsigned(number, Long.divideUnsigned(-1 - digit, 10)) > 0) {
                return -1;
            }
            number = number * 10 + digit;
        }
        return negative ? -number : number;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SnapshotTableEntry that && encoded().equals(that.encoded());
    }

    @Override
    public int hashCode() {
        return encoded().hashCode();
    }

    private ByteBuffer encoded() {
        ByteBuffer bytes = ByteBuffer.allocate(paddedSize());
        encode(bytes);
        return bytes.flip();
    }
}
