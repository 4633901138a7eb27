package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;

/** Goes through tables of 64-bit entries, from one entry that is not zero to the next. Not thread-safe. */
public final class TableScan {
    private final SparseReader reader;
    private long tableOffset;
    private boolean inSlice;
    private long entry;
    private long offset;

    public TableScan(ImageFile file) {
        this.reader = new SparseReader(file);
    }

    /** Begins with a table. */
    public void start(long hostOffset, long entryCount) {
        tableOffset = hostOffset;
        inSlice = false;
        reader.start(hostOffset, Long.BYTES * entryCount);
    }

    /** Goes to the next entry; false if there is none. */
    public boolean next() throws StateferryException {
        while (inSlice || reader.next()) {
            inSlice = true;
            while (reader.slice().hasRemaining()) {
                offset = reader.offset() + reader.slice().position();
                entry = reader.slice().getLong();
                if (entry != 0) {
                    return true;
                }
            }
            inSlice = false;
        }
        return false;
    }

    public long entry() {
        return entry;
    }

    /** The entry's host offset. */
    public long offset() {
        return offset;
    }

    /** The entry's index in the table. */
    public long index() {
        return (offset - tableOffset) / Long.BYTES;
    }
}
