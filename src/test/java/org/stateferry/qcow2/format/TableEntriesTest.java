package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The 64-bit entries of L1, L2 and refcount tables, bit by bit. */
class TableEntriesTest {
    private static final long COPIED = 1L << 63;

    private static boolean isOffsetBit(int bit) {
        return bit >= 9 && bit <= 55;
    }

    @Test
    void takesBits9To55OfAnL1EntryForTheOffset() {
        for (int bit = 0; bit < 63; bit++) {
            assertThat(L1Entry.l2Offset(1L << bit)).as("bit %d", bit).isEqualTo(isOffsetBit(bit) ? 1L << bit : 0);
            assertThat(L1Entry.hasReservedBits(1L << bit)).as("bit %d", bit).isEqualTo(!isOffsetBit(bit));
        }
        assertThat(L1Entry.hasReservedBits(COPIED)).isFalse();
        assertThat(L1Entry.isCopied(COPIED | 512)).isTrue();
        assertThat(L1Entry.isCopied(~COPIED)).isFalse();
        assertThat(L1Entry.shared(COPIED | 512)).isEqualTo(512);
    }

    @Test
    void takesBits9To55OfAnL2EntryForTheOffset() {
        for (int bit = 1; bit < 62; bit++) {
            assertThat(L2Entry.hostOffset(1L << bit)).as("bit %d", bit).isEqualTo(isOffsetBit(bit) ? 1L << bit : 0);
            assertThat(L2Entry.hasReservedBits(1L << bit, true))
                    .as("bit %d", bit)
                    .isEqualTo(!isOffsetBit(bit));
        }
        assertThat(L2Entry.hasReservedBits(COPIED, false)).isFalse();
    }

    @Test
    void allowsTheZeroBitInStandardEntriesOfVersion3Only() {
        assertThat(L2Entry.isZero(L2Entry.ZERO_PLAIN)).isTrue();
        assertThat(L2Entry.isZero(512)).isFalse();
        assertThat(L2Entry.hasReservedBits(L2Entry.ZERO_PLAIN, true)).isFalse();
        assertThat(L2Entry.hasReservedBits(L2Entry.ZERO_PLAIN, false)).isTrue();
    }

    @Test
    void clearsNothingButTheCopiedFlag() {
        assertThat(L2Entry.withoutCopied(-1)).isEqualTo(Long.MAX_VALUE);
        assertThat(L2Entry.isCopied(COPIED)).isTrue();
        assertThat(L2Entry.isCopied(L2Entry.withoutCopied(-1))).isFalse();
        assertThat(L2Entry.isCompressed(1L << 62)).isTrue();
        assertThat(L2Entry.isCompressed(~(1L << 62))).isFalse();
    }

    @Test
    void dividesASecondWordIntoAllocatedAndZeroHalves() {
        assertThat(L2Entry.EXTENDED_ALL_ALLOCATED).isEqualTo(0xffff_ffffL);
        assertThat(L2Entry.EXTENDED_ALL_ZERO).isEqualTo(0xffff_ffffL << 32);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 8})
    void reservesTheLowBitsOfARefcountTableEntry(int bit) {
        assertThat(RefcountTableEntry.hasReservedBits(1L << bit)).isTrue();
        assertThat(RefcountTableEntry.blockOffset(4096 | 1L << bit)).isEqualTo(4096);
    }

    @Test
    void takesAllOtherBitsOfARefcountTableEntryForTheOffset() {
        assertThat(RefcountTableEntry.hasReservedBits(~0x1ffL)).isFalse();
        assertThat(RefcountTableEntry.blockOffset(~0x1ffL)).isEqualTo(~0x1ffL);
    }
}
