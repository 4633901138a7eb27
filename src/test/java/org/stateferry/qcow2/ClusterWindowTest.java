package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ClusterWindowTest {
    private static final int MAX = ClusterWindow.NUMBER_MAX;

    @Test
    void addsToTheClustersThatLieInItAlone() {
        ClusterWindow window = new ClusterWindow(10);
        window.moveTo(100);

        window.add(95, 7, 1);
        window.add(101, 1, 1);
        window.add(108, 1000, -1);

        assertThat(window.get(100)).isEqualTo(1);
        assertThat(window.get(101)).isEqualTo(2);
        assertThat(window.get(102)).isZero();
        assertThat(window.get(109)).isEqualTo(-1);
        assertThat(window.holds(99)).isFalse();
        assertThat(window.holds(110)).isFalse();
    }

    @Test
    void startsAnewWhereItIsMovedTo() {
        ClusterWindow window = new ClusterWindow(10);
        window.add(0, 10, 1);

        window.moveTo(10);

        assertThat(window.get(10)).isZero();
        assertThat(window.end()).isEqualTo(20);
    }

    @Test
    void countsNoFurtherThanToItsLimitsSoThatNothingOverflows() {
        ClusterWindow window = new ClusterWindow(2);
        window.set(0, MAX - 1);
        window.set(1, 1 - MAX);

        for (int step = 0; step < 3; step++) {
            window.add(0, 1, 1);
            window.add(1, 1, -1);
        }

        assertThat(window.get(0)).isEqualTo(MAX);
        assertThat(window.get(1)).isEqualTo(-MAX);
    }
}
