package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;

/** Where a vmstate's clusters lie in the image, in the order of the stream. */
public interface VmStateMap {
    /** No vmstate: that of a snapshot of the disk alone. */
    VmStateMap NONE = new VmStateMap() {
        @Override
        public long vmStateSize() {
            return 0;
        }

        @Override
        public void forEach(Consumer consumer) {
            // there is none
        }
    };

    /** Bytes of vmstate; the last cluster is filled up with zeros. */
    long vmStateSize();

    /** Hands over the entry of every cluster from the stream's start to its end; each call starts anew. */
    void forEach(Consumer consumer) throws StateferryException;

    /** Takes the entries, which are those of {@code VmStateWriter}. */
    @FunctionalInterface
    interface Consumer {
        /** The next cluster of the stream. */
        void cluster(long entry) throws StateferryException;
    }
}
