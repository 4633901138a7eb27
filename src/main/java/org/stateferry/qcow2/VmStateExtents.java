package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;

/** Where a vmstate's data lies in the image: runs of clusters in the order of the stream, without gaps. */
public interface VmStateExtents {
    /** Bytes of vmstate; the last cluster is filled up with zeros. */
    long vmStateSize();

    /** Hands over every run from the stream's start to its end; each call starts anew. */
    void forEach(Consumer consumer) throws StateferryException;

    /** Takes the runs. */
    interface Consumer {
        /** The next {@code clusterCount} clusters of the stream lie at {@code hostOffset}. */
        void extent(long hostOffset, long clusterCount) throws StateferryException;
    }
}
