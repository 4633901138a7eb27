package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.stateferry.qcow2.ReferenceVisitor.Origin;

class MetL2TablesTest {
    private final MetL2Tables tables = new MetL2Tables();
    private final Map<String, Integer> told = new TreeMap<>();

    private void drain() throws Exception {
        tables.drain((offset, times, origin) -> {
            assertThat(told.putIfAbsent(offset + " " + origin, times)).isNull();
        });
    }

    @Test
    void tellsOfEachTableOnceWithAllItsReferences() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Map<String, Integer> expected = new TreeMap<>();
        for (int count = 0; count < 500_000; count++) {
            long offset = (1L << 56) - 512L * (1 + random.nextInt(2000));
            Origin origin = Origin.values()[random.nextInt(Origin.values().length)];
            int times = 1 + random.nextInt(1000);
            assertThat(tables.add(offset, times, origin)).isTrue();
            expected.merge(offset + " " + origin, times, Integer::sum);
        }
        drain();

        assertThat(told).as("seed %d", seed).isEqualTo(expected);
    }

    @Test
    void countsNoFurtherThanAWindowDoes() throws Exception {
        for (int count = 0; count < 100; count++) {
            tables.add(512, 1 << 30, Origin.SNAPSHOT);
        }
        drain();

        assertThat(told).containsExactly(Map.entry("512 SNAPSHOT", ClusterWindow.NUMBER_MAX));
    }

    @Test
    void saysWhenThereIsNoRoomForMore() throws Exception {
        long offset = 0;
        while (tables.add(offset, 1, Origin.SNAPSHOT)) {
            offset += 512;
        }
        drain();

        assertThat(told).hasSize((int) (offset / 512) + 1);
        assertThat(tables.add(0, 1, Origin.SNAPSHOT)).isTrue();
    }
}
