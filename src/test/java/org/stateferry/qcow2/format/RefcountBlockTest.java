package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RefcountBlockTest {
    private static final int BLOCK_SIZE = 512;

    static IntStream orders() {
        return IntStream.rangeClosed(0, 6);
    }

    @ParameterizedTest
    @MethodSource("orders")
    void keepsWhatWasSetAndLeavesTheNeighboursAlone(int order) {
        Random random = new Random(order);
        ByteBuffer block = ByteBuffer.allocate(BLOCK_SIZE);
        long[] model = new long[BLOCK_SIZE * 8 >> order];
        long mask = order == 6 ? Long.MAX_VALUE : (1L << (1 << order)) - 1;
        for (int round = 0; round < 5000; round++) {
            int index = random.nextInt(model.length);
            model[index] = random.nextInt(4) == 0 ? mask : random.nextLong() & mask;
            RefcountBlock.set(block, index, order, model[index]);
        }
        for (int index = 0; index < model.length; index++) {
            assertThat(RefcountBlock.get(block, index, order))
                    .as("order %d, entry %d", order, index)
                    .isEqualTo(model[index]);
        }
    }

    @ParameterizedTest
    @MethodSource("orders")
    void readsTheBitsWhereTheSpecificationPutsThem(int order) {
        byte[] bytes = new byte[BLOCK_SIZE];
        new Random(order).nextBytes(bytes);
        ByteBuffer block = ByteBuffer.wrap(bytes);
        int width = 1 << order;
        for (int index = 0; index < BLOCK_SIZE * 8 / width; index++) {
            assertThat(RefcountBlock.get(block, index, order))
                    .as("entry %d", index)
                    .isEqualTo(bitByBit(bytes, index, width));
        }
    }

    private static long bitByBit(byte[] bytes, int index, int width) {
        long value = 0;
        for (int bit = width - 1; bit >= 0; bit--) {
            // narrow entries fill a byte from its least significant bit; wide ones have their highest byte first
            int at = width < 8 ? index * width / 8 : index * width / 8 + (width - 1 - bit) / 8;
            int inByte = width < 8 ? index * width % 8 + bit : bit % 8;
            value = value << 1 | bytes[at] >> inByte & 1;
        }
        return value;
    }

    @Test
    void putsNarrowEntriesFromTheLeastSignificantBitOn() {
        ByteBuffer block = ByteBuffer.allocate(4);
        RefcountBlock.set(block, 1, 0, 1);
        RefcountBlock.set(block, 5, 1, 2);
        RefcountBlock.set(block, 4, 2, 9);

        assertThat(block.array()).containsExactly(0b10, 0b1000, 0b1001, 0);
    }

    @Test
    void showsA64BitRefcountAboveTheLargestLongAsNegative() {
        ByteBuffer block = ByteBuffer.allocate(8).putLong(0, -1);

        assertThat(RefcountBlock.get(block, 0, 6)).isNegative();
    }

    @Test
    void knowsNoOtherWidths() {
        assertThatThrownBy(() -> RefcountBlock.get(ByteBuffer.allocate(8), 0, 7))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> RefcountBlock.set(ByteBuffer.allocate(8), 0, -1, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
