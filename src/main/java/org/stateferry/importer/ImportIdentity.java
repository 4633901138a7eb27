package org.stateferry.importer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.OpenImages;

/**
 * Identifies an import: two runs with equal identities are the same import. The round is not part of it; it tells apart
 * repeated imports whose snapshot has been deleted from the image.
 *
 * @param installationId the home's id
 * @param image the image's real path
 * @param dump the dump's real path
 * @param name the snapshot's name
 * @param fingerprint the dump's fingerprint as text
 * @param otherDisks the real paths of the other disks, in whatever order; kept sorted
 */
public record ImportIdentity(
        String installationId, Path image, Path dump, String name, String fingerprint, List<Path> otherDisks) {
    public ImportIdentity {
        otherDisks = otherDisks.stream().sorted().toList();
    }

    /** The identity of an import into one image. */
    public ImportIdentity(String installationId, Path image, Path dump, String name, String fingerprint) {
        this(installationId, image, dump, name, fingerprint, List.of());
    }

    /** The identity of what is asked for, in this home; {@code image} is the image's real path. */
    public static ImportIdentity of(StateferryHome home, ImportRequest request, Path image, DumpSource dump)
            throws StateferryException {
        List<Path> otherDisks = new ArrayList<>();
        for (Path disk : request.otherDisks()) {
            otherDisks.add(OpenImages.realPath(disk));
        }
        return new ImportIdentity(
                home.installationId(),
                image,
                dump.path(),
                request.name(),
                dump.fingerprint().text(),
                otherDisks);
    }
}
