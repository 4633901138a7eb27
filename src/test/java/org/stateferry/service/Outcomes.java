package org.stateferry.service;

import java.nio.file.Path;
import java.util.List;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.importer.TransferLoad;
import org.stateferry.storage.IoMode;

/** How imports end in the tests of a service that runs none in earnest. */
final class Outcomes {
    /** A hundred bytes are in the image. */
    static final ImportOutcome IMPORTED = importedInto(Path.of("/absent.qcow2"));

    private Outcomes() {}

    /** The same, in this one. */
    static ImportOutcome importedInto(Path image) {
        return new ImportOutcome(
                ImportOutcome.State.IMPORTED,
                1,
                "1",
                List.of(new MadeSnapshot(image.toString(), "1", "saved", 1_700_000_000, 0, 100)),
                null,
                100,
                100,
                0,
                0,
                TransferLoad.NONE,
                1,
                1,
                IoMode.CACHED,
                null,
                List.of());
    }
}
