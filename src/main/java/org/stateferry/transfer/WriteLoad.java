package org.stateferry.transfer;

/**
 * What one write puts into the image: content in memory, or a range of the dump that the system is to copy. It has exactly
 * one owner at a time, who passes it on or releases it, once.
 */
public interface WriteLoad {
    /** Bytes of content of one buffer. */
    int size();

    /** How many buffers in a row have this content; more than one only of a load that takes no memory. */
    default int count() {
        return 1;
    }

    /** CRC-32C of the content. */
    int checksum();

    /** Gives back the memory that it holds; the owner forgets it. */
    void release();
}
