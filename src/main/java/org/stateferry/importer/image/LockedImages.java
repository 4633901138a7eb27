package org.stateferry.importer.image;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportRequest;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;

/**
 * The images of one import, all of them open and locked.
 *
 * @param target gets the vmstate
 * @param others the other disks in the order in which they were asked for
 */
public record LockedImages(TargetImage target, List<OpenImage> others) implements AutoCloseable {
    /** Opens and locks the image that gets the vmstate. */
    @FunctionalInterface
    interface TargetOpener {
        TargetImage open() throws StateferryException;
    }

    /**
     * Opens and locks all, or none. Two imports that share images lock them in the same order, that of the files' keys, so
     * one of them gets all.
     *
     * @param image the image's real path
     * @throws StateferryException as {@link TargetImages#open} and {@link OpenImages#openForUpdate}
     */
    static LockedImages open(ImportRequest request, Path image, TargetOpener target) throws StateferryException {
        List<Path> disks = disksInLockingOrder(request);
        String imageKey = keyOf(image);
        List<AutoCloseable> open = new ArrayList<>();
        Map<Path, OpenImage> others = new HashMap<>();
        try {
            @Nullable TargetImage opened = null;
            for (Path disk : disks) {
                if (opened == null && keyOf(disk).compareTo(imageKey) > 0) {
                    opened = target.open();
                    open.add(opened);
                }
                OpenImage other = openDisk(disk, request);
                open.add(other);
                others.put(disk, other);
            }
            return new LockedImages(opened == null ? target.open() : opened, asAskedFor(request, others));
        } catch (StateferryException | RuntimeException | Error e) {
            open.forEach(locked -> Resources.closeAfter(e, locked));
            throw e;
        }
    }

    /** Opens and locks the other disks alone, or none; in the order in which they were asked for. */
    public static List<OpenImage> openOthers(ImportRequest request) throws StateferryException {
        Map<Path, OpenImage> others = new HashMap<>();
        try {
            for (Path disk : disksInLockingOrder(request)) {
                others.put(disk, openDisk(disk, request));
            }
            return asAskedFor(request, others);
        } catch (StateferryException | RuntimeException | Error e) {
            others.values().forEach(locked -> Resources.closeAfter(e, locked));
            throw e;
        }
    }

    /** Opens and locks one other disk. */
    static OpenImage openDisk(Path disk, ImportRequest request) throws StateferryException {
        return OpenImages.openForUpdate(
                OpenImages.realPath(disk),
                request.options().locking(),
                found -> request.roots().require(found, disk));
    }

    private static List<OpenImage> asAskedFor(ImportRequest request, Map<Path, OpenImage> others) {
        return request.otherDisks().stream()
                .map(disk -> Objects.requireNonNull(others.get(disk)))
                .toList();
    }

    private static List<Path> disksInLockingOrder(ImportRequest request) throws StateferryException {
        Map<Path, String> keys = new HashMap<>();
        for (Path disk : request.otherDisks()) {
            keys.put(disk, keyOf(disk));
        }
        return request.otherDisks().stream()
                .sorted(Comparator.comparing(disk -> Objects.requireNonNull(keys.get(disk))))
                .toList();
    }

    /** One that is not there is nobody's, whatever its place in the order. */
    private static String keyOf(Path path) throws StateferryException {
        return Files.exists(path) ? FileIdentity.of(path).key() : "";
    }

    /**
     * Refuses more disks than are allowed, and a file that is given in two roles, by whatever names.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE}
     */
    public static void requireDistinctFiles(ImportRequest request) throws StateferryException {
        if (request.otherDisks().size() > ImportRequest.OTHER_DISKS_MAX) {
            throw StateferryException.of(
                    FailureKind.USAGE,
                    request.otherDisks().size() + " other disks are more than " + ImportRequest.OTHER_DISKS_MAX);
        }
        Map<String, String> roles = new HashMap<>();
        if (request.options().choice().fromSnapshot() == null) {
            requireOther(roles, request.dump(), "dump");
        } else if (request.newImage() != null && holdDump(request)) {
            throw StateferryException.in(
                            FailureKind.USAGE,
                            request.dump(),
                            "an image that is to be made cannot get a state out of one that this import changes")
                    .advise("Export the state with stateferry export, and import that file.");
        }
        requireOther(roles, request.image(), "image");
        for (Path disk : request.otherDisks()) {
            requireOther(roles, disk, "other disk");
        }
    }

    /**
     * Whether the dump is the state of a snapshot of one of these images. That can be read while they are changed: nothing that
     * a snapshot has is touched.
     */
    static boolean holdDump(ImportRequest request) throws StateferryException {
        if (request.options().choice().fromSnapshot() == null || !Files.exists(request.dump())) {
            return false;
        }
        String dump = keyOf(request.dump());
        for (Path disk : request.otherDisks()) {
            if (keyOf(disk).equals(dump)) {
                return true;
            }
        }
        return keyOf(request.image()).equals(dump);
    }

    private static void requireOther(Map<String, String> roles, Path file, String role) throws StateferryException {
        if (!Files.exists(file)) {
            return;
        }
        @Nullable String first = roles.put(FileIdentity.of(file).key(), role);
        if (first != null) {
            throw StateferryException.in(FailureKind.USAGE, file, first + " and " + role + " are one and the same file")
                    .advise("Give the dump first and the qcow2 image second; each --also is a disk of its own.");
        }
    }

    @Override
    public void close() throws StateferryException {
        List<AutoCloseable> all = new ArrayList<>(others);
        all.add(target);
        Resources.closeAll(all);
    }
}
