package org.stateferry.service.retention;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.service.definition.FileMark;

/**
 * A snapshot that a definition has made, with those of the other disks that belong to it.
 *
 * @param number tells it from all others of this home, in the order in which they were made
 * @param job the definition
 * @param parts the snapshot in each image, that with the vmstate first
 * @param source what it was made of
 * @param importId the import's number in the history, or 0 if it is not known
 * @param checksum what the vmstate must read back as ({@code StateChecksum}); null if nobody has recorded that
 * @param hold who keeps it from going, or null
 * @param check what came of reading it back the last time, or null before the first
 * @param going whether its deletion was decided; it may be gone from some of its images
 */
public record KeptSnapshot(
        long number,
        String job,
        List<MadeSnapshot> parts,
        Source source,
        long importId,
        @Nullable String checksum,
        @Nullable Hold hold,
        @Nullable Check check,
        boolean going) {

    public KeptSnapshot {
        parts = List.copyOf(parts);
    }

    /**
     * A dump as a definition wants it.
     *
     * @param dump its path
     * @param mark the file as it was
     * @param wanted what the definition asks for, as text
     */
    public record Source(String dump, FileMark mark, String wanted) {}

    /**
     * A hold: the snapshot must not be deleted.
     *
     * @param by who wants that
     * @param since since when
     */
    public record Hold(String by, Instant since) {}

    /**
     * The last time that it was read back.
     *
     * @param at when
     * @param damage what is wrong, or null if it is as it was written
     */
    public record Check(Instant at, @Nullable String damage) {}

    /** The image with the vmstate, by its real path. */
    public String image() {
        return parts.get(0).image();
    }

    /** The name in the images. */
    public String name() {
        return parts.get(0).name();
    }

    /** When the guest was saved. */
    public Instant date() {
        return Instant.ofEpochSecond(parts.get(0).dateSeconds(), parts.get(0).dateNanos());
    }

    /** Whether it is known not to be as it was written. */
    public boolean isDamaged() {
        return check != null && check.damage != null;
    }

    KeepRule.Candidate candidate() {
        return new KeepRule.Candidate(number, date(), hold != null, isDamaged());
    }

    /** The part that lies in an image. */
    Optional<MadeSnapshot> in(String image) {
        return parts.stream().filter(part -> part.image().equals(image)).findFirst();
    }

    /**
     * Finds a part in its image; empty if it is not there any more, or another has its id, name, date or size.
     *
     * @param entries those of the image
     */
    static Optional<SnapshotTableEntry> find(MadeSnapshot part, List<SnapshotTableEntry> entries) {
        List<SnapshotTableEntry> found =
                entries.stream().filter(entry -> entry.hasId(part.id())).toList();
        return found.size() == 1
                        && found.get(0).hasName(part.name())
                        && found.get(0).dateSeconds() == part.dateSeconds()
                        && found.get(0).dateNanos() == part.dateNanos()
                        && found.get(0).vmStateSize() == part.vmStateSize()
                ? Optional.of(found.get(0))
                : Optional.empty();
    }

    KeptSnapshot held(@Nullable Hold by) {
        return new KeptSnapshot(number, job, parts, source, importId, checksum, by, check, going);
    }

    KeptSnapshot checked(Check now, @Nullable String read) {
        return new KeptSnapshot(
                number, job, parts, source, importId, checksum == null ? read : checksum, hold, now, going);
    }

    KeptSnapshot going(boolean decided) {
        return new KeptSnapshot(number, job, parts, source, importId, checksum, hold, check, decided);
    }
}
