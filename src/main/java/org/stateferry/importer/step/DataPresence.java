package org.stateferry.importer.step;

import java.util.Optional;
import java.util.concurrent.Executor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.vmstate.VmStateClusters;
import org.stateferry.storage.OpenImage;

/**
 * Notices that a program without locks has truncated the image during an import: after later writes have extended it
 * again, data that was written has become a hole. File systems that keep zeros as holes make holes too, so a buffer
 * that has one is read back.
 */
final class DataPresence {
    private final OpenImage image;
    /** Between these two offsets there is no hole. */
    private long dataStart;

    private long dataEnd;

    private DataPresence(OpenImage image) {
        this.image = image;
    }

    /**
     * Returns if all of a vmstate's data is there, as far as the file system tells.
     *
     * @param executor reads back what is in doubt
     * @throws StateferryException of kind IMAGE_IN_USE if not
     */
    static void require(ImportSession session, Journal journal, Executor executor) throws StateferryException {
        DataPresence presence = new DataPresence(session.openImage());
        VmStateClusters clusters = new VmStateClusters(session.image());
        try (BufferProofs proofs = new BufferProofs(session.image(), journal, executor)) {
            long index = 0;
            while (index < journal.plan().bufferCount()) {
                Optional<BufferRecord> buffer = journal.buffer(index);
                if (buffer.isPresent()
                        && clusters.touchHole(buffer.get().entries(), presence::nextHole)
                        && !proofs.isIntact(buffer.get())) {
                    throw lost(session.openImage(), index * journal.plan().bufferSize());
                }
                index += buffer.map(BufferRecord::count).orElse(1);
            }
        }
    }

    private long nextHole(long offset) {
        if (offset < dataStart || offset >= dataEnd) {
            dataStart = offset;
            dataEnd = image.nextHole(offset);
        }
        return dataEnd;
    }

    private static StateferryException lost(OpenImage image, long vmStateOffset) {
        return StateferryException.in(
                        FailureKind.IMAGE_IN_USE,
                        image.path(),
                        "another program has cut the image during the import: the vmstate is lost from its byte "
                                + vmStateOffset + " on")
                .advise("Nothing was switched over. End that program, check the image with qemu-img check, and run the"
                        + " same command again.");
    }
}
