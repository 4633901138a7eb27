package org.stateferry.importer.image;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.storage.OpenImage;

/** An import's other disks, in the order in which they were asked for. The session owns the open images, this the rest. */
public final class OtherDisks implements Iterable<OtherDisk>, AutoCloseable {
    private final List<OtherDisk> disks;

    private OtherDisks(List<OtherDisk> disks) {
        this.disks = List.copyOf(disks);
    }

    /**
     * @param images open and locked; the caller owns them
     * @param access what lies between the import and the disks
     */
    public static OtherDisks of(List<OpenImage> images, StateferryHome home, FileAccess access)
            throws StateferryException {
        List<OtherDisk> disks = new ArrayList<>();
        for (OpenImage open : images) {
            disks.add(new OtherDisk(open, access.image(open.file()), JournalFiles.pathFor(home, open.path())));
        }
        return new OtherDisks(disks);
    }

    @Override
    public Iterator<OtherDisk> iterator() {
        return disks.iterator();
    }

    /** The real paths. */
    List<Path> paths() {
        return disks.stream().map(disk -> disk.open().path()).toList();
    }

    /** Whether an attempt at the import of this key has begun to publish in one of them, and did not come to its end. */
    public boolean haveUnfinishedJournal(String importKey) throws StateferryException {
        for (OtherDisk disk : disks) {
            if (disk.unfinishedJournal(importKey).isPresent()) {
                return true;
            }
        }
        return false;
    }

    /** Whether none of them needs anything more for a snapshot of this name. */
    public boolean allHold(String name) throws StateferryException {
        for (OtherDisk disk : disks) {
            if (!disk.holdsDiskOnly(name)) {
                return false;
            }
        }
        return true;
    }

    /** Ends the journals of this import. */
    public void finishJournals(String importKey) throws StateferryException {
        for (OtherDisk disk : disks) {
            disk.finishJournal(importKey);
        }
    }

    @Override
    public void close() throws StateferryException {
        Resources.closeAll(disks);
    }
}
