package org.stateferry.service.notification;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class MissedWatchTest {
    private final Map<String, String> missed = new TreeMap<>();
    private final List<String> told = new ArrayList<>();
    private final MissedWatch watch = new MissedWatch(() -> missed, (name, line) -> told.add(name + ": " + line));

    @Test
    void whatIsMissedIsToldOnceUntilItIsInOrderAgain() {
        watch.look();
        missed.put("nightly", "nobody came");
        watch.look();
        missed.put("nightly", "still nobody");
        missed.put("weekly", "neither");
        watch.look();
        watch.look();
        missed.remove("nightly");
        watch.look();
        missed.put("nightly", "once more");
        watch.look();

        assertThat(told).containsExactly("nightly: nobody came", "weekly: neither", "nightly: once more");
    }
}
