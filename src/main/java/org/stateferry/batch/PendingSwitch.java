package org.stateferry.batch;

import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.StagedSnapshot;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.transfer.Journal;

/**
 * A snapshot that is staged in one of an import's images, and what is left to do until it is published.
 *
 * @param open the image, locked
 * @param file its file as the import is to see it
 * @param journal its journal, which does not announce the switch yet
 * @param snapshot what was staged
 */
record PendingSwitch(OpenImage open, ImageFile file, Journal journal, StagedSnapshot snapshot) {
    /**
     * Switches one image after the other over. All switches are announced before the first is carried out, so that a
     * journal for which there is no room is no reason to stop between two of them; between them there are only writes in
     * place. What is announced and not carried out does no harm: the image decides, see {@link IntendedSnapshot}.
     */
    static void carryOut(List<PendingSwitch> switches) throws StateferryException {
        for (PendingSwitch pending : switches) {
            pending.open.proveHeld();
        }
        for (PendingSwitch pending : switches) {
            pending.journal.recordIntent(IntendedSnapshot.announced(pending.snapshot));
        }
        for (PendingSwitch pending : switches) {
            // What the new header describes is only true if nobody else could write since prepare.
            pending.open.proveHeld();
            pending.snapshot.change().carryOut(new JournaledImageFile(pending.file, pending.journal));
        }
    }
}
