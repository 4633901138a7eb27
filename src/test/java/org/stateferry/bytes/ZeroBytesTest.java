package org.stateferry.bytes;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZeroBytesTest {
    private static final int FROM = 3;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 511, 65_536, 65_537, 200_000})
    void oneByteThatIsNotZeroIsFoundWhereverItIs(int size) {
        ByteBuffer bytes = ByteBuffer.allocate(FROM + size + 1);
        bytes.put(FROM - 1, (byte) 1).put(FROM + size, (byte) 1);

        assertThat(ZeroBytes.isZero(bytes, FROM, size)).isTrue();
        for (int at = 0; at < size; at += Math.max(1, size / 100)) {
            bytes.put(FROM + at, (byte) -128);
            assertThat(ZeroBytes.isZero(bytes, FROM, size)).as("byte %d", at).isFalse();
            bytes.put(FROM + at, (byte) 0);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 65_536, 200_000})
    void zerosArePutAtThePositionAndNowhereElse(int size) {
        byte[] content = new byte[size + 2];
        Arrays.fill(content, (byte) 7);
        ByteBuffer target = ByteBuffer.wrap(content).position(1);

        ZeroBytes.put(target, size);

        assertThat(target.position()).isEqualTo(size + 1);
        byte[] expected = new byte[size + 2];
        expected[0] = 7;
        expected[size + 1] = 7;
        assertThat(content).isEqualTo(expected);
    }
}
