package org.stateferry.qcow2;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.format.Violation;

/**
 * Tells whether an image can take a snapshot of a given name. An image that could be opened may still have features, damage or
 * limits that exclude that. All refusals come before anything is written.
 */
public final class ImportRequirements {
    private ImportRequirements() {}

    /**
     * Refuses an image with a feature that excludes snapshots or writing; all such features are named in one message.
     *
     * @param allowBitmaps whether persistent bitmaps are accepted, although QEMU does not revert an image that has some
     */
    public static void requireWritable(Qcow2Image image, boolean allowBitmaps) throws StateferryException {
        requireChangeable(image);
        Qcow2Header header = image.header();
        List<String> reasons = new ArrayList<>();
        List<String> ways = new ArrayList<>();
        if (header.hasFeature(IncompatibleFeature.EXTERNAL_DATA_FILE)) {
            reasons.add("its data lies in an external data file, which excludes internal snapshots");
            ways.add("make a copy without one: qemu-img convert -O qcow2");
        }
        if (header.cryptMethod() != 0) {
            reasons.add("it is encrypted, and a vmstate would have to be encrypted with its key");
            ways.add("make a copy that is not encrypted, without the snapshots: qemu-img convert"
                    + " --object secret,id=k,file=KEYFILE --image-opts"
                    + " driver=qcow2,file.filename=IMAGE,encrypt.key-secret=k -O qcow2 COPY");
        }
        if (header.refcountOrder() == 0) {
            reasons.add("its refcounts of one bit cannot count a cluster twice, as loading a snapshot does");
            ways.add("give it wider ones: " + widerRefcounts(header));
        }
        if (!reasons.isEmpty()) {
            throw StateferryException.at(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            0,
                            "the image cannot take a snapshot: " + String.join("; ", reasons))
                    .advise("For that, " + String.join(", and ", ways) + ".");
        }
        if (!allowBitmaps && image.bitmaps().isPresent()) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            "the image has persistent bitmaps, and QEMU refuses to revert such an image to a snapshot")
                    .advise("Remove them with qemu-img bitmap --remove, or import anyway with --allow-bitmaps.");
        }
    }

    /** QEMU makes the refcounts of an image wider in place and keeps its snapshots; version 2 has one width alone. */
    private static String widerRefcounts(Qcow2Header header) {
        int bits = Math.max(16, 2 << header.refcountOrder());
        return "qemu-img amend -o " + (header.version() < 3 ? "compat=1.1," : "") + "refcount_bits=" + bits;
    }

    /** Refuses an image that QEMU cannot open, or would open only to repair it. */
    public static void requireChangeable(Qcow2Image image) throws StateferryException {
        List<Violation> violations = image.violations();
        if (!violations.isEmpty()) {
            throw StateferryException.at(
                            FailureKind.IMAGE_CORRUPT,
                            image.file().path(),
                            violations.get(0).offset(),
                            violations.stream().map(Violation::problem).collect(Collectors.joining("; ")))
                    .advise("QEMU cannot open the image either, as qemu-img info shows: restore it from a copy.");
        }
        for (IncompatibleFeature mark : List.of(IncompatibleFeature.DIRTY, IncompatibleFeature.CORRUPT)) {
            if (image.header().hasFeature(mark)) {
                throw StateferryException.at(
                                FailureKind.IMAGE_CORRUPT,
                                image.file().path(),
                                72,
                                "the image has its " + mark.description() + " set")
                        .advise("Repair it with qemu-img check -r all, then run again.");
            }
        }
    }

    /** Refuses a name that QEMU would cut, or take for another snapshot's id. */
    public static void requireUsableName(Qcow2Image image, String name) throws StateferryException {
        requireUsableName(image, name, null);
    }

    /**
     * The same for a snapshot that is there: its own id is one that its name may have.
     *
     * @param owner the snapshot, or null if it is new
     */
    public static void requireUsableName(Qcow2Image image, String name, @Nullable SnapshotTableEntry owner)
            throws StateferryException {
        int size = name.getBytes(StandardCharsets.UTF_8).length;
        if (name.isEmpty() || name.indexOf('\0') >= 0) {
            throw conflict(image, "the snapshot name is empty or holds a NUL character")
                    .advise("Choose another name.");
        }
        if (size > Qcow2Limits.MAX_SNAPSHOT_NAME_SIZE) {
            throw conflict(image, "the snapshot name has " + size + " bytes, more than QEMU's 255")
                    .advise("Choose a shorter name.");
        }
        Optional<SnapshotTableEntry> sameId =
                image.snapshotTable().findById(name).filter(entry -> !entry.equals(owner));
        if (sameId.isPresent()) {
            throw conflict(
                            image,
                            "the name \"" + name + "\" is the id of snapshot \""
                                    + sameId.get().nameText() + "\", and QEMU would revert to that one")
                    .advise("Choose another name.");
        }
    }

    /**
     * Refuses what an import would hide or spread: metadata that contradict each other, and refcounts without room for one
     * more snapshot.
     *
     * @param report what {@link MetadataCheck} found in the image
     */
    public static void requireSound(Qcow2Image image, CheckReport report) throws StateferryException {
        requireConsistent(image, report);
        requireRaisable(image, report);
    }

    /**
     * Refuses what any change would hide or spread: metadata that contradict each other.
     *
     * @param report what {@link MetadataCheck} found in the image
     */
    public static void requireConsistent(Qcow2Image image, CheckReport report) throws StateferryException {
        if (!report.isSound()) {
            throw StateferryException.at(
                            FailureKind.IMAGE_CORRUPT,
                            image.file().path(),
                            report.corruptions().get(0).offset(),
                            report.firstOfAll())
                    .advise(report.nextStep(image));
        }
        if (report.pastEndCount() > 0) {
            throw StateferryException.at(
                            FailureKind.IMAGE_CORRUPT,
                            image.file().path(),
                            image.geometry().clusterOffset(report.firstPastEnd()),
                            "refcounts past the end of the file say that clusters there are in use ("
                                    + report.pastEndCount() + " in all); they would be leaks as soon as the file grows")
                    .advise("Let the file reach them and have QEMU free them: truncate -s "
                            + image.geometry().clusterOffset(report.usedClusterEnd())
                            + " IMAGE, then qemu-img check -r leaks IMAGE, then run again.");
        }
    }

    private static void requireRaisable(Qcow2Image image, CheckReport report) throws StateferryException {
        if (report.raiseOverflow() >= 0) {
            int snapshotCount = image.snapshotTable().entries().size();
            throw StateferryException.at(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            image.geometry().clusterOffset(report.raiseOverflow()),
                            "refcounts of " + (1 << image.header().refcountOrder()) + " bits end at "
                                    + image.geometry().maxRefcount()
                                    + ", which has no room for one more snapshot than the "
                                    + snapshotCount + " that the image has, and for loading it")
                    .advise("Delete a snapshot with qemu-img snapshot -d"
                            + (image.header().refcountOrder() == Qcow2Header.MAX_REFCOUNT_ORDER
                                    ? "."
                                    : ", or give the image wider refcounts, which keeps its snapshots: "
                                            + widerRefcounts(image.header()) + "."));
        }
    }

    /** Refuses when one more snapshot, or a vmstate of that size, exceeds a limit of the format or of what we hold. */
    public static void requireCapacity(Qcow2Image image, long vmStateSize) throws StateferryException {
        if (image.snapshotTable().entries().size() >= Qcow2Limits.MAX_SNAPSHOTS) {
            throw conflict(image, "the image has 65536 snapshots already")
                    .advise("Delete one with qemu-img snapshot -d.");
        }
        if (image.snapshotTable().size() + SnapshotTableEntry.MAX_CREATED_SIZE > Qcow2Limits.MAX_TABLE_SIZE_IN_MEMORY) {
            throw StateferryException.at(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            image.header().snapshotsOffset(),
                            "with one more entry the snapshot table could exceed 8 MiB, which would take too much memory")
                    .advise("Delete snapshots with long names using qemu-img snapshot -d.");
        }
        requireMappable(image, vmStateSize);
    }

    /** Refuses when the L1 table of a snapshot with a vmstate of that size exceeds the limit of the format. */
    public static void requireMappable(Qcow2Image image, long vmStateSize) throws StateferryException {
        ClusterGeometry geometry = image.geometry();
        long entries = geometry.l1EntryCount(image.header().size()) + geometry.l1EntryCount(vmStateSize);
        if (entries > Qcow2Limits.MAX_L1_ENTRIES) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            "disk and vmstate together need an L1 table of " + entries
                                    + " entries, more than the format's 4194304")
                    .advise("Make a copy with larger clusters, without the snapshots: qemu-img convert -O qcow2 -o"
                            + " cluster_size=64k.");
        }
    }

    private static StateferryException conflict(Qcow2Image image, String problem) {
        return StateferryException.in(FailureKind.CONFLICT, image.file().path(), problem);
    }
}
