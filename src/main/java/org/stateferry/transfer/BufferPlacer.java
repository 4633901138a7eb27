package org.stateferry.transfer;

import org.stateferry.error.StateferryException;

/** Says where the next buffer of the stream goes; asked in the order of the stream, by one thread. */
@FunctionalInterface
public interface BufferPlacer {
    /** The host offset of {@code size} free adjacent bytes; the size is a multiple of the cluster size. */
    long place(int size) throws StateferryException;
}
