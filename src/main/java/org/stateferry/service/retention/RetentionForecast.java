package org.stateferry.service.retention;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Tells what would become of a definition's snapshots now. Images are looked at, and not changed.
 *
 * @param keep which snapshots stay; all if it is null
 * @param locking how the images are locked while they are looked at
 */
record RetentionForecast(@Nullable KeepRule keep, Locking locking) {
    private static final KeepRule.Decision ABSENT =
            new KeepRule.Decision(true, "not in the image any more as it was made; it will be forgotten");

    /**
     * Adds a row for each snapshot, image by image and newest first.
     *
     * @param known all snapshots of the definition
     * @param notes is told of images that cannot be looked at; their snapshots are taken to be there
     */
    void add(List<KeptSnapshot> known, List<RetentionReport.Snapshot> rows, List<String> notes) {
        Map<String, List<KeptSnapshot>> byImage = known.stream()
                .collect(Collectors.groupingBy(KeptSnapshot::image, LinkedHashMap::new, Collectors.toList()));
        byImage.forEach((image, snapshots) -> addImage(image, snapshots, rows, notes));
    }

    private void addImage(
            String image, List<KeptSnapshot> known, List<RetentionReport.Snapshot> rows, List<String> notes) {
        List<KeptSnapshot> present = known;
        try {
            present = SnapshotDeletion.present(known, SnapshotDeletion.look(image, locking));
        } catch (StateferryException e) {
            notes.add("not looked at, so as it was last: " + e.getMessage());
        }
        Map<Long, KeptSnapshot> byNumber =
                known.stream().collect(Collectors.toMap(KeptSnapshot::number, snapshot -> snapshot));
        decide(present)
                .forEach((number, decision) -> rows.add(row(Objects.requireNonNull(byNumber.get(number)), decision)));
        List<KeptSnapshot> absent = new ArrayList<>(known);
        absent.removeAll(present);
        absent.forEach(snapshot -> rows.add(row(snapshot, ABSENT)));
    }

    /** What becomes of the snapshots with these numbers, newest first. */
    private Map<Long, KeepRule.Decision> decide(List<KeptSnapshot> present) {
        if (keep != null) {
            return keep.decide(present.stream().map(KeptSnapshot::candidate).toList());
        }
        Map<Long, KeepRule.Decision> all = new LinkedHashMap<>();
        present.stream()
                .sorted(Comparator.comparing(KeptSnapshot::date).reversed())
                .forEach(snapshot -> all.put(
                        snapshot.number(),
                        new KeepRule.Decision(true, snapshot.hold() == null ? "there is no rule" : "on hold")));
        return all;
    }

    private static RetentionReport.Snapshot row(KeptSnapshot snapshot, KeepRule.Decision decision) {
        KeptSnapshot.Hold hold = snapshot.hold();
        KeptSnapshot.Check check = snapshot.check();
        return new RetentionReport.Snapshot(
                snapshot.number(),
                snapshot.image(),
                snapshot.parts().stream().skip(1).map(MadeSnapshot::image).toList(),
                snapshot.parts().get(0).id(),
                ForeignText.escape(snapshot.name()),
                snapshot.date(),
                snapshot.importId(),
                !decision.stays(),
                decision.reason(),
                hold == null ? null : hold.by(),
                hold == null ? null : hold.since(),
                check == null ? null : check.at(),
                check == null ? null : check.damage());
    }
}
