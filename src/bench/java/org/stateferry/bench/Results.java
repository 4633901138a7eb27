package org.stateferry.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What every row took in every round; the rows in the order in which they came. */
final class Results {
    private final Map<String, Map<Integer, Double>> rows = new LinkedHashMap<>();
    private final Map<String, Long> stored = new LinkedHashMap<>();
    private final Map<String, String> loads = new LinkedHashMap<>();

    /**
     * The middle one of several values, and their range.
     *
     * @param median the mean of the middle two if their number is even
     */
    record Spread(double median, double min, double max) {
        static Spread of(Collection<Double> values) {
            double[] sorted =
                    values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
            int middle = sorted.length / 2;
            double median = sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
            return new Spread(median, sorted[0], sorted[sorted.length - 1]);
        }
    }

    void add(int round, Contender.Timing timing) {
        rows.computeIfAbsent(timing.row(), row -> new LinkedHashMap<>()).put(round, timing.seconds());
        if (timing.stored() > 0) {
            stored.put(timing.row(), timing.stored());
        }
        if (!timing.load().isEmpty()) {
            loads.put(timing.row(), timing.load());
        }
    }

    List<String> rows() {
        return List.copyOf(rows.keySet());
    }

    /** The bytes that each row's last run has stored, where they are known. */
    Map<String, Long> stored() {
        return Collections.unmodifiableMap(stored);
    }

    /** How each row's last run used the system, where it tells. */
    Map<String, String> loads() {
        return Collections.unmodifiableMap(loads);
    }

    Spread seconds(String row) {
        return Spread.of(rows.getOrDefault(row, Map.of()).values());
    }

    /** One row over another, round by round, so that what slowed a whole round down does not count. */
    Optional<Spread> ratio(String row, String other) {
        Map<Integer, Double> ours = rows.getOrDefault(row, Map.of());
        Map<Integer, Double> theirs = rows.getOrDefault(other, Map.of());
        List<Double> ratios = new ArrayList<>();
        ours.forEach((round, seconds) -> {
            Double otherSeconds = theirs.get(round);
            if (otherSeconds != null) {
                ratios.add(seconds / otherSeconds);
            }
        });
        return ratios.isEmpty() ? Optional.empty() : Optional.of(Spread.of(ratios));
    }
}
