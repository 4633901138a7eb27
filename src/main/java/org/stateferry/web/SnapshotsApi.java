package org.stateferry.web;

import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.media.Schema;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.springframework.security.core.Authentication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/** The snapshots of an image, as they are in it now. The image is opened for reading, and locked meanwhile. */
@RestController
@RequestMapping("/api/v1")
class SnapshotsApi {
    private final FileRoots roots;

    SnapshotsApi(FileRoots roots) {
        this.roots = roots;
    }

    /**
     * A snapshot.
     *
     * @param id its id in the image
     * @param name its name
     * @param date when it was made
     * @param vmStateSize bytes of its vmstate; 0 if it has none
     * @param vmClockNanos how long the guest had run
     */
    @Schema(name = "ImageSnapshot") // a definition's snapshots are another thing of that name
    record Snapshot(String id, String name, Instant date, long vmStateSize, long vmClockNanos) {
        private static Snapshot of(SnapshotTableEntry entry) {
            return new Snapshot(
                    entry.idText(),
                    entry.nameText(),
                    Instant.ofEpochSecond(entry.dateSeconds(), entry.dateNanos()),
                    entry.vmStateSize(),
                    entry.vmClockNanos());
        }
    }

    @GetMapping("/snapshots")
    @Operation(summary = "The snapshots of an image")
    List<Snapshot> list(@RequestParam String image, Authentication asker) throws StateferryException {
        Path path = path(image);
        FileRoots within = Accounts.isLocal(asker) ? FileRoots.ANYWHERE : roots;
        Path confined = within.confine(path);
        try (OpenImage open =
                OpenImages.openForReading(confined, Locking.EXCLUSIVE, found -> within.require(found, path))) {
            return Qcow2Image.open(open.file()).snapshotTable().entries().stream()
                    .map(Snapshot::of)
                    .toList();
        }
    }

    private static Path path(String text) throws StateferryException {
        try {
            Path path = Path.of(text);
            if (path.isAbsolute()) {
                return path;
            }
        } catch (InvalidPathException e) {
            // as one that is not absolute
        }
        throw StateferryException.of(FailureKind.USAGE, "the parameter 'image' is no absolute path")
                .advise("Correct it and send the request again.");
    }
}
