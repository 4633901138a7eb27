package org.stateferry.service.retention;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.snapshot.SnapshotChange;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Deletes those of a definition's snapshots in one image that its rule does not keep. All images that are to be changed are locked
 * before the first is changed. The image with the vmstates is switched over first, with one write for all snapshots: from then on no
 * snapshot can be loaded whose disks are incomplete. The decision is on stable storage before, so that a deletion that was killed
 * halfway is finished later.
 *
 * @param kept what is known of the snapshots
 * @param access puts something before the files of images, in tests
 */
record SnapshotDeletion(KeptSnapshots kept, UnaryOperator<ImageFile> access) {
    /** What is in an image now, whoever else of this program works on it. */
    static List<SnapshotTableEntry> look(String image, Locking locking) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(Path.of(image), locking)) {
            return Qcow2Image.open(open.file()).snapshotTable().entries();
        }
    }

    /** The same while nobody can change it. */
    static List<SnapshotTableEntry> entries(String image, Locking locking) throws StateferryException {
        try (OpenImage open = OpenImages.openForPatientReading(Path.of(image), locking)) {
            return Qcow2Image.open(open.file()).snapshotTable().entries();
        }
    }

    /** Those that are in their image as they were made. */
    static List<KeptSnapshot> present(List<KeptSnapshot> snapshots, List<SnapshotTableEntry> entries) {
        return snapshots.stream()
                .filter(snapshot ->
                        KeptSnapshot.find(snapshot.parts().get(0), entries).isPresent())
                .toList();
    }

    /** Those of them that a rule lets go. */
    static List<KeptSnapshot> going(KeepRule rule, List<KeptSnapshot> present) {
        Map<Long, KeepRule.Decision> decisions =
                rule.decide(present.stream().map(KeptSnapshot::candidate).toList());
        return present.stream()
                .filter(snapshot -> {
                    KeepRule.Decision decision = decisions.get(snapshot.number());
                    return decision != null && !decision.stays();
                })
                .toList();
    }

    /**
     * Decides and deletes.
     *
     * @param image with the vmstates
     * @return those that are gone now
     * @throws StateferryException if one of the images cannot be looked at or changed; of kind IMAGE_IN_USE if somebody else has
     *     it. What has begun is carried on by the next call
     */
    List<KeptSnapshot> apply(String job, KeepRule rule, String image, Locking locking, Cancellation cancellation)
            throws StateferryException {
        List<KeptSnapshot> known = kept.of(job, image);
        List<KeptSnapshot> present = present(known, entries(image, locking));
        List<KeptSnapshot> going = going(rule, present);
        List<KeptSnapshot> begun = known.stream()
                .filter(snapshot -> snapshot.going() && !present.contains(snapshot))
                .toList();
        // Somebody else has deleted, renamed or replaced these.
        kept.forget(known.stream()
                .filter(snapshot -> !snapshot.going() && !present.contains(snapshot))
                .toList());
        List<KeptSnapshot> gone = List.of();
        if (!going.isEmpty() || !begun.isEmpty()) {
            gone = delete(rule, image, present, going, begun, locking, cancellation);
        }
        // Their deletion was given up halfway, and by the present rule they stay.
        kept.stay(present.stream()
                .filter(snapshot -> snapshot.going() && !going.contains(snapshot))
                .toList());
        kept.decided(job, image);
        return gone;
    }

    private List<KeptSnapshot> delete(
            KeepRule rule,
            String image,
            List<KeptSnapshot> candidates,
            List<KeptSnapshot> wanted,
            List<KeptSnapshot> begun,
            Locking locking,
            Cancellation cancellation)
            throws StateferryException {
        Set<String> images = new LinkedHashSet<>();
        if (!wanted.isEmpty()) {
            images.add(image);
        }
        wanted.forEach(snapshot -> images.addAll(paths(snapshot)));
        begun.forEach(snapshot -> images.addAll(paths(snapshot)));
        if (wanted.isEmpty()) {
            images.remove(image);
        }
        Map<String, SnapshotChange> changes = new LinkedHashMap<>();
        @Nullable StateferryException failure = null;
        try {
            for (String path : images) {
                // The image of a disk that was taken away has no part to be deleted any more.
                if (path.equals(image) || Files.exists(Path.of(path))) {
                    changes.put(path, SnapshotChange.open(Path.of(path), locking, cancellation, access));
                }
            }
            List<KeptSnapshot> going = begun;
            SnapshotChange first = changes.get(image);
            if (first != null) {
                going = new ArrayList<>(begun);
                going.addAll(deleteStates(rule, image, first, candidates, images));
            }
            for (Map.Entry<String, SnapshotChange> change : changes.entrySet()) {
                if (!change.getKey().equals(image)) {
                    delete(change.getValue(), change.getKey(), going);
                }
            }
            kept.gone(going);
            return going;
        } catch (StateferryException e) {
            failure = e;
            throw e;
        } finally {
            close(changes, failure);
        }
    }

    private static List<String> paths(KeptSnapshot snapshot) {
        return snapshot.parts().stream().map(MadeSnapshot::image).toList();
    }

    /** Decides once more, now that nobody else can change anything. */
    private List<KeptSnapshot> deleteStates(
            KeepRule rule, String image, SnapshotChange change, List<KeptSnapshot> candidates, Set<String> locked)
            throws StateferryException {
        List<KeptSnapshot> present = present(
                candidates.stream()
                        .flatMap(snapshot -> kept.find(snapshot.number()).stream())
                        .toList(),
                change.snapshots());
        List<KeptSnapshot> going = kept.go(going(rule, present).stream()
                .filter(snapshot -> locked.containsAll(paths(snapshot)))
                .toList());
        try {
            delete(change, image, going);
        } catch (StateferryException e) {
            if (!change.hasBegunToSwitch()) {
                takeBack(going, e);
            }
            throw e;
        }
        return going;
    }

    private void takeBack(List<KeptSnapshot> going, StateferryException failure) {
        try {
            kept.stay(going);
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    private void delete(SnapshotChange change, String image, List<KeptSnapshot> going) throws StateferryException {
        List<String> ids = going.stream()
                .map(snapshot -> snapshot.in(image))
                .flatMap(Optional::stream)
                .filter(part -> KeptSnapshot.find(part, change.snapshots()).isPresent())
                .map(MadeSnapshot::id)
                .toList();
        if (!ids.isEmpty()) {
            change.delete(new SnapshotSelection(ids, true));
        }
    }

    private static void close(Map<String, SnapshotChange> changes, @Nullable StateferryException failure)
            throws StateferryException {
        StateferryException first = failure;
        for (SnapshotChange change : changes.values()) {
            try {
                change.close();
            } catch (StateferryException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (failure == null && first != null) {
            throw first;
        }
    }
}
