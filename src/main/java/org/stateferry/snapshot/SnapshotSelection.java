package org.stateferry.snapshot;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/** Finds snapshots as an operator names them: all by their names, or all by their ids. */
public record SnapshotSelection(List<String> words, boolean byId) {

    /** @param words names, or ids if {@code byId} */
    public SnapshotSelection {
        words = List.copyOf(words);
    }

    /** The one snapshot with a name, or with an id. */
    public static SnapshotSelection one(String word, boolean byId) {
        return new SnapshotSelection(List.of(word), byId);
    }

    /**
     * The snapshots in the order in which they were named, none of them twice.
     *
     * @throws StateferryException with kind CONFLICT if one is not there, or if it is not clear which is meant: QEMU lets
     *     several have one name
     */
    public List<SnapshotTableEntry> in(Qcow2Image image) throws StateferryException {
        List<SnapshotTableEntry> found = new ArrayList<>();
        for (String word : words) {
            SnapshotTableEntry entry = find(image, word);
            if (!found.contains(entry)) {
                found.add(entry);
            }
        }
        return found;
    }

    private SnapshotTableEntry find(Qcow2Image image, String word) throws StateferryException {
        List<SnapshotTableEntry> matching = image.snapshotTable().entries().stream()
                .filter(entry -> byId ? entry.hasId(word) : entry.hasName(word))
                .toList();
        if (matching.isEmpty()) {
            throw notThere(image, word);
        }
        if (matching.size() > 1) {
            throw conflict(
                            image,
                            matching.size() + " snapshots have the " + (byId ? "id" : "name") + " \"" + word + "\"")
                    .advise(
                            byId
                                    ? "Name it by its name, if that is not another's too."
                                    : "Name the one that you mean by its id, with --id: "
                                            + matching.stream()
                                                    .map(SnapshotTableEntry::idText)
                                                    .collect(Collectors.joining(", ")));
        }
        return matching.get(0);
    }

    private StateferryException notThere(Qcow2Image image, String word) {
        boolean isId = !byId && image.snapshotTable().findById(word).isPresent();
        return conflict(image, "there is no snapshot " + (byId ? "with the id" : "named") + " \"" + word + "\"")
                .advise(
                        isId
                                ? "There is one with that id: add --id if you mean it."
                                : "stateferry snapshot list " + image.file().path() + " shows those that are there.");
    }

    private static StateferryException conflict(Qcow2Image image, String problem) {
        return StateferryException.in(FailureKind.CONFLICT, image.file().path(), problem);
    }
}
