package org.stateferry.stream.inspection;

import java.nio.ByteBuffer;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.RamBlock;

/**
 * Takes what the blocks of RAM hold, in the order in which a stream has it: what comes later replaces what came before, and what never
 * comes is zero. Offsets are in bytes from the start of a block, and nothing lies outside of one. Called by one thread.
 */
public interface RamContent {
    /** Called once, before all else: the blocks, which the other methods name by their index. */
    void begin(List<RamBlock> blocks) throws StateferryException;

    /** Takes bytes, from the buffer's position to its limit. */
    void write(int block, long offset, ByteBuffer bytes) throws StateferryException;

    /** Takes zeros. */
    void zero(int block, long offset, int size) throws StateferryException;
}
