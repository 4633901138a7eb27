package org.stateferry.stream;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The RAM blocks of a stream. A hash table finds them by the bytes of their names and creates no objects, because the
 * stream of a live migration names a block in every other record.
 *
 * <p>Not thread-safe.
 */
final class RamBlockTable {
    /** More than any machine has: with all its ROMs, video memory and memory devices it comes to some hundred. */
    static final int BLOCKS_MAX = 1024;

    static final int NONE = -1;

    private static final int SLOTS = 4 * BLOCKS_MAX;

    private final List<RamBlock> blocks = new ArrayList<>();
    private final byte[][] names = new byte[BLOCKS_MAX][];
    private final long[] sizes = new long[BLOCKS_MAX];
    /** Each index plus one; 0 is free. */
    private final int[] slots = new int[SLOTS];

    /** Adds a block. The caller makes sure that there is room and that the name is new. */
    void add(RamBlock block) {
        int index = blocks.size();
        blocks.add(block);
        names[index] = block.name().getBytes(StandardCharsets.UTF_8);
        sizes[index] = block.usedLength();
        int slot = Arrays.hashCode(names[index]) & (SLOTS - 1);
        while (slots[slot] != 0) {
            slot = (slot + 1) & (SLOTS - 1);
        }
        slots[slot] = index + 1;
    }

    /** The index of the block whose name is at {@code at} of {@code in}, or {@link #NONE}. */
    int find(ElementInput in, int at, int length) {
        int hash = 1;
        for (int i = 0; i < length; i++) {
            hash = 31 * hash + (byte) in.peekU8(at + i);
        }
        int slot = hash & (SLOTS - 1);
        while (slots[slot] != 0 && !isNamed(slots[slot] - 1, in, at, length)) {
            slot = (slot + 1) & (SLOTS - 1);
        }
        return slots[slot] - 1;
    }

    private boolean isNamed(int index, ElementInput in, int at, int length) {
        byte[] name = names[index];
        if (name.length != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (name[i] != (byte) in.peekU8(at + i)) {
                return false;
            }
        }
        return true;
    }

    /** The used length in bytes of the block at {@code index}. */
    long size(int index) {
        return sizes[index];
    }

    /** The block at {@code index}. */
    RamBlock get(int index) {
        return blocks.get(index);
    }

    int count() {
        return blocks.size();
    }

    List<RamBlock> list() {
        return List.copyOf(blocks);
    }
}
