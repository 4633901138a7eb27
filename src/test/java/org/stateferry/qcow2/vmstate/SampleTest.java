package org.stateferry.qcow2.vmstate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SampleTest {
    private static List<Integer> taken(int percent, long seed, int pieces) {
        Sample sample = new Sample(percent, seed);
        List<Integer> taken = new ArrayList<>();
        for (int piece = 0; piece < pieces; piece++) {
            if (sample.takesNext()) {
                taken.add(piece);
            }
        }
        return taken;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 33, 99, 100})
    void everyHundredPiecesGiveTheShare(int percent) {
        List<Integer> taken = taken(percent, 7, 1000);

        assertThat(taken).startsWith(0);
        assertThat(IntStream.range(0, 10).boxed())
                .allSatisfy(run -> assertThat(taken.stream().filter(piece -> piece / 100 == run))
                        .hasSize(percent));
    }

    @Test
    void aSeedTakesTheSameAndAnotherSeedOthers() {
        assertThat(taken(30, 5, 500)).isEqualTo(taken(30, 5, 500)).isNotEqualTo(taken(30, 6, 500));
    }
}
