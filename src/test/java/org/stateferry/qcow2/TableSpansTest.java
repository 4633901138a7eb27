package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class TableSpansTest {
    @Test
    void tellsOfEachPartOnceWithTheNumberOfTables() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            TableSpans spans = new TableSpans(8);
            int[] expected = new int[200];
            for (int count = random.nextInt(40); count > 0; count--) {
                int start = random.nextInt(100);
                int size = random.nextInt(8 * 60);
                spans.add(8L * start, size);
                for (int unit = start; unit < start + (size + 7) / 8; unit++) {
                    expected[unit]++;
                }
            }
            int[] actual = new int[200];
            spans.forEach((start, end, depth) -> {
                for (int unit = (int) start / 8; unit < end / 8; unit++) {
                    assertThat(actual[unit]).isZero();
                    actual[unit] = depth;
                }
            });
            assertThat(actual).as("seed %d, round %d", seed, round).isEqualTo(expected);
        }
    }
}
