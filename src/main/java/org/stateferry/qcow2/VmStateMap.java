package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;

/** Where a vmstate's clusters lie in the image, in the order of the stream. */
public interface VmStateMap {
    /** Bytes of vmstate; the last cluster is filled up with zeros. */
    long vmStateSize();

    /** Hands over the entry of every cluster from the stream's start to its end; each call starts anew. */
    void forEach(Consumer consumer) throws StateferryException;

    /** Takes the entries, which are those of {@link VmStateWriter.Stored}. */
    @FunctionalInterface
    interface Consumer {
        /** The next cluster of the stream. */
        void cluster(long entry) throws StateferryException;
    }
}
