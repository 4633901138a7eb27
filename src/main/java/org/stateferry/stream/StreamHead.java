package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The beginning of a migration stream: header, configuration, and all sections up to the list of RAM blocks.
 *
 * @param version the stream's version; 3 if the stream ends before it
 * @param machineType the machine type, or null if the stream has no configuration section
 * @param pageSize the target page size in bytes, or {@link RamWalker#PAGE_SIZE_UNKNOWN}
 * @param capabilities the migration capabilities that the configuration lists
 * @param ramBlocks the RAM blocks, as far as they could be read
 * @param obstacle why the list of RAM blocks could not be read to its end, or what was found damaged behind it; or null
 */
record StreamHead(
        int version,
        @Nullable String machineType,
        int pageSize,
        List<String> capabilities,
        List<RamBlock> ramBlocks,
        @Nullable StateferryException obstacle) {
    /** How much of the stream is looked at, in bytes; the head of a real machine has a few hundred. */
    static final int SIZE_MAX = 1024 * 1024;

    /**
     * Reads the head of a stream, as far as possible, and checks what else the prefix holds.
     *
     * @param file the dump; read only where RAM blocks lie between the entries of their list
     * @param fileOffset where in the file the stream begins
     * @param prefix the stream's first {@link #SIZE_MAX} bytes, or all of it if it is shorter; left as it was
     * @param streamLength the stream's length in bytes
     * @param vmDescription the stream's vmdescription, or null if none is known
     */
    static StreamHead read(
            StreamFile file,
            long fileOffset,
            ByteBuffer prefix,
            long streamLength,
            @Nullable VmDescription vmDescription)
            throws StateferryException {
        ElementInput in = new ElementInput(file.path(), fileOffset);
        SectionWalker walker = new SectionWalker(
                in,
                vmDescription == null ? RamWalker.PAGE_SIZE_UNKNOWN : vmDescription.pageSize(),
                vmDescription == null ? null : new DescribedSections(in, vmDescription),
                offset -> false);
        StateferryException obstacle = null;
        try {
            in.offer(prefix.slice());
            walk(walker, in, prefix.remaining(), file, streamLength);
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.DUMP_INVALID && e.kind() != FailureKind.DUMP_UNFIT) {
                throw e;
            }
            obstacle = e;
        }
        return new StreamHead(
                walker.configuration().version(),
                walker.configuration().machineType(),
                walker.ram().pageSize(),
                walker.configuration().capabilities(),
                walker.ram().blocks(),
                obstacle);
    }

    private static void walk(SectionWalker walker, ElementInput in, int prefixSize, StreamFile file, long streamLength)
            throws StateferryException {
        long start = in.fileOffset() - in.offset();
        step(walker);
        while (!walker.isHeadRead() && walker.configuration().isMapped() && in.pendingSkip() > 0) {
            // The next entry of the list lies behind the pages of a block.
            long next = in.offset() + in.pendingSkip();
            long left = Math.max(0, Math.min(streamLength, file.size() - start) - next);
            int count = (int) Math.min(ElementInput.ELEMENT_SIZE_MAX, left);
            if (count == 0) {
                walker.finish();
            }
            in.resume(next, 0);
            in.offer(file.read(start + next, count));
            step(walker);
        }
        if (!walker.isHeadRead()) {
            if (prefixSize >= streamLength) {
                walker.finish();
            }
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID,
                            file.path(),
                            in.fileOffset(),
                            "the first " + prefixSize + " bytes do not hold the list of RAM blocks")
                    .advise(ElementInput.IMPORT_UNSEEN);
        }
    }

    private static void step(SectionWalker walker) throws StateferryException {
        boolean moved = true;
        while (moved && !walker.isHeadRead()) {
            moved = walker.step();
        }
    }

    /** Whether RAM lies at fixed places of the file. */
    boolean isMapped() {
        return capabilities.contains(StreamFacts.MAPPED_RAM);
    }
}
