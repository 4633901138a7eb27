package org.stateferry.service.retention;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.service.definition.HomeFile;

/**
 * The snapshots that definitions have made, in a file of the home. No others are ever deleted: if the file is lost, every snapshot
 * stays. Every change is on stable storage when its method returns. Thread-safe.
 */
public final class KeptSnapshots {
    /** Each takes some hundred bytes in the file. Beyond this number the oldest are forgotten, and so are never deleted. */
    private static final int SNAPSHOTS_MAX = 10_000;
    /** The most imports to remember that were begun and have not succeeded. */
    private static final int BEGUN_MAX = 1000;
    /** The most dumps to remember whose snapshots were deleted. */
    private static final int LET_GO_MAX = 5000;

    private final Path path;
    private final HomeFile<Content> file;
    private final Map<Long, KeptSnapshot> snapshots = new LinkedHashMap<>();
    private final Set<Begun> begun = new LinkedHashSet<>();
    private final Set<Due> due = new HashSet<>();
    /** The last deleted snapshot of each dump, by the dump's path. */
    private final Map<String, KeptSnapshot.Source> letGo = new LinkedHashMap<>();

    private long lastNumber;

    record Content(
            long lastNumber,
            List<KeptSnapshot> snapshots,
            List<Begun> begun,
            List<Due> due,
            List<KeptSnapshot.Source> letGo) {
        Content {
            snapshots = List.copyOf(snapshots);
            begun = List.copyOf(begun);
            due = List.copyOf(due);
            letGo = List.copyOf(letGo);
        }
    }

    /** An import that a definition has begun: a later attempt may find that this one has made the snapshot. */
    record Begun(String job, String image, String name) {}

    /** An image of a definition for which it is still to be decided which snapshots go. */
    record Due(String job, String image) {}

    /** @param home where they are kept */
    public KeptSnapshots(StateferryHome home) {
        this.path = home.snapshotsFile();
        this.file = new HomeFile<>(path, Content.class);
        file.read().ifPresent(content -> {
            lastNumber = content.lastNumber;
            content.snapshots.forEach(snapshot -> snapshots.put(snapshot.number(), snapshot));
            begun.addAll(content.begun);
            due.addAll(content.due);
            content.letGo.forEach(source -> letGo.put(key(source), source));
        });
    }

    /**
     * Notes that a definition begins an import.
     *
     * @param image the image that the vmstate goes to
     * @param name the snapshot's name
     * @return whether an earlier attempt at it has begun and not come to a good end
     */
    synchronized boolean begin(String job, Path image, String name) throws StateferryException {
        if (!begun.add(new Begun(job, image.toString(), name))) {
            return true;
        }
        if (begun.size() > BEGUN_MAX) {
            begun.remove(begun.iterator().next());
        }
        write();
        return false;
    }

    /**
     * Notes that an import has succeeded, and that it is to be decided which snapshots go from its image.
     *
     * @param image as {@link #begin} was told it
     * @param source what was imported
     * @param made whether the snapshot was made by this attempt or an earlier one; else it is nobody's
     * @param decides whether the definition lets snapshots go
     */
    synchronized void end(
            String job,
            Path image,
            String name,
            KeptSnapshot.Source source,
            ImportOutcome outcome,
            boolean made,
            boolean decides)
            throws StateferryException {
        boolean wasBegun = begun.remove(new Begun(job, image.toString(), name));
        boolean isKnown = snapshots.values().stream()
                .anyMatch(snapshot -> snapshot.parts().equals(outcome.snapshots()));
        if (made && !isKnown && !outcome.snapshots().isEmpty()) {
            // What lay under the same name and id is not there any more.
            MadeSnapshot state = outcome.snapshots().get(0);
            snapshots
                    .values()
                    .removeIf(snapshot -> snapshot.image().equals(state.image())
                            && snapshot.parts().get(0).id().equals(state.id()));
            lastNumber++;
            snapshots.put(
                    lastNumber,
                    new KeptSnapshot(
                            lastNumber,
                            job,
                            outcome.snapshots(),
                            source,
                            outcome.importId(),
                            outcome.checksum(),
                            null,
                            null,
                            false));
            if (snapshots.size() > SNAPSHOTS_MAX) {
                snapshots.remove(snapshots.keySet().iterator().next());
            }
            if (decides) {
                due.add(new Due(job, state.image()));
            }
        }
        if (wasBegun || made) {
            write();
        }
    }

    /** Those of a definition, oldest first. */
    public synchronized List<KeptSnapshot> of(String job) {
        return snapshots.values().stream()
                .filter(snapshot -> snapshot.job().equals(job))
                .toList();
    }

    /** Those of a definition whose vmstate lies in an image. */
    synchronized List<KeptSnapshot> of(String job, String image) {
        return of(job).stream()
                .filter(snapshot -> snapshot.image().equals(image))
                .toList();
    }

    synchronized Optional<KeptSnapshot> find(long number) {
        return Optional.ofNullable(snapshots.get(number));
    }

    /** The images of a definition in which is to be decided what goes. */
    synchronized Set<String> due(String job) {
        Set<String> images = new TreeSet<>();
        due.stream().filter(entry -> entry.job.equals(job)).forEach(entry -> images.add(entry.image));
        return images;
    }

    /** Notes that it was decided, and carried out. */
    synchronized void decided(String job, String image) throws StateferryException {
        if (due.remove(new Due(job, image))) {
            write();
        }
    }

    /**
     * Puts a snapshot on hold, or releases it.
     *
     * @param by who wants it on hold, or null to release it
     * @return the snapshot, or empty if the definition has none with this number
     * @throws StateferryException of kind CONFLICT if it is being deleted
     */
    public synchronized Optional<KeptSnapshot> hold(String job, long number, @Nullable String by, Instant now)
            throws StateferryException {
        KeptSnapshot snapshot = snapshots.get(number);
        if (snapshot == null || !snapshot.job().equals(job)) {
            return Optional.empty();
        }
        if (snapshot.going()) {
            throw StateferryException.of(FailureKind.CONFLICT, "snapshot " + number + " is being deleted")
                    .advise("It is too late to keep it, unless its image cannot be changed: try again later.");
        }
        KeptSnapshot changed = snapshot.held(by == null ? null : new KeptSnapshot.Hold(by, now));
        replace(changed);
        return Optional.of(changed);
    }

    /**
     * Decides that snapshots go, but for those that were put on hold or forgotten meanwhile.
     *
     * @return those that go
     */
    synchronized List<KeptSnapshot> go(Collection<KeptSnapshot> wanted) throws StateferryException {
        List<KeptSnapshot> going = new ArrayList<>();
        for (KeptSnapshot candidate : wanted) {
            KeptSnapshot now = snapshots.get(candidate.number());
            if (now != null && now.hold() == null) {
                going.add(now.going(true));
            }
        }
        if (!going.isEmpty()) {
            going.forEach(snapshot -> snapshots.put(snapshot.number(), snapshot));
            write();
        }
        return going;
    }

    /** Takes that decision back. */
    synchronized void stay(Collection<KeptSnapshot> undone) throws StateferryException {
        boolean changed = false;
        for (KeptSnapshot snapshot : undone) {
            changed |= snapshots.computeIfPresent(snapshot.number(), (number, now) -> now.going(false)) != null;
        }
        if (changed) {
            write();
        }
    }

    /** Notes that snapshots have gone, so that nobody imports their dumps once more. */
    synchronized void gone(Collection<KeptSnapshot> gone) throws StateferryException {
        for (KeptSnapshot snapshot : gone) {
            letGo.remove(key(snapshot.source())); // so that it is the newest
            letGo.put(key(snapshot.source()), snapshot.source());
            if (letGo.size() > LET_GO_MAX) {
                letGo.remove(letGo.keySet().iterator().next());
            }
        }
        forget(gone);
    }

    /** Whether a dump's snapshot has gone by the rule. */
    synchronized boolean isLetGo(KeptSnapshot.Source source) {
        KeptSnapshot.Source last = letGo.get(key(source));
        return last != null && last.mark().hasContentOf(source.mark());
    }

    private static String key(KeptSnapshot.Source source) {
        return source.dump() + '\n' + source.wanted();
    }

    /** Forgets snapshots, which keeps what is there of them. */
    synchronized void forget(Collection<KeptSnapshot> unknown) throws StateferryException {
        if (!unknown.isEmpty()) {
            unknown.forEach(snapshot -> snapshots.remove(snapshot.number()));
            write();
        }
    }

    /**
     * Notes what came of reading one back.
     *
     * @param read its checksum now, which counts from now on if none was recorded; null if it could not be read
     */
    synchronized void checked(long number, KeptSnapshot.Check check, @Nullable String read) throws StateferryException {
        KeptSnapshot snapshot = snapshots.get(number);
        if (snapshot != null) {
            replace(snapshot.checked(check, read));
        }
    }

    private void replace(KeptSnapshot changed) throws StateferryException {
        KeptSnapshot before = snapshots.put(changed.number(), changed);
        try {
            write();
        } catch (StateferryException e) {
            snapshots.put(changed.number(), before); // nobody is told what would not outlive the service
            throw e;
        }
    }

    private void write() throws StateferryException {
        try {
            file.writeDurably(new Content(
                    lastNumber,
                    List.copyOf(snapshots.values()),
                    List.copyOf(begun),
                    List.copyOf(due),
                    List.copyOf(letGo.values())));
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.IO, path, "cannot be written: " + e.getMessage())
                    .advise("Make room in the home, or check its permissions.")
                    .causedBy(e);
        }
    }
}
