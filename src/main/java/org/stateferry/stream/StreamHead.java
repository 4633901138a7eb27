package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** Reads the beginning of a migration stream: header, configuration, and all sections up to the list of RAM blocks. */
public final class StreamHead {
    /** How much of the stream the caller has to provide, in bytes; the head of a real machine has a few hundred. */
    public static final int SIZE_MAX = 1024 * 1024;

    private StreamHead() {}

    /**
     * Reads the facts of a stream.
     *
     * @param file the dump, for messages
     * @param fileOffset where in the file the stream begins
     * @param prefix the stream's first {@link #SIZE_MAX} bytes, or all of it if it is shorter; left as it was
     * @param streamLength the stream's length in bytes
     * @param vmDescription the stream's vmdescription, or null if it has none
     */
    public static StreamFacts read(
            Path file, long fileOffset, ByteBuffer prefix, long streamLength, @Nullable VmDescription vmDescription)
            throws StateferryException {
        StreamGlance glance = glance(file, fileOffset, prefix, streamLength, vmDescription);
        if (glance.obstacle() != null) {
            throw glance.obstacle();
        }
        return glance.facts();
    }

    /** Reads as much as possible of the head of a stream, whether a snapshot can load the stream or not; see {@link #read}. */
    public static StreamGlance glance(
            Path file, long fileOffset, ByteBuffer prefix, long streamLength, @Nullable VmDescription vmDescription) {
        ElementInput in = new ElementInput(file, fileOffset);
        SectionWalker walker = new SectionWalker(in, streamLength, vmDescription);
        StateferryException obstacle = null;
        try {
            in.offer(prefix.slice());
            walk(walker, in, prefix.remaining(), file, streamLength);
        } catch (StateferryException e) {
            obstacle = e;
        }
        StreamFacts facts = new StreamFacts(
                walker.configuration().version(),
                walker.configuration().machineType(),
                walker.ram().pageSize(),
                walker.configuration().capabilities(),
                walker.ram().blocks(),
                vmDescription == null ? null : vmDescription.extent(),
                vmDescription == null ? Map.of() : instanceCounts(vmDescription));
        return new StreamGlance(facts, obstacle);
    }

    private static void walk(SectionWalker walker, ElementInput in, int prefixSize, Path file, long streamLength)
            throws StateferryException {
        boolean moved = true;
        while (moved && !walker.isHeadRead()) {
            moved = walker.step();
        }
        if (!walker.isHeadRead()) {
            if (prefixSize >= streamLength) {
                walker.finish();
            }
            throw StateferryException.at(
                    FailureKind.DUMP_INVALID,
                    file,
                    in.fileOffset(),
                    "the first " + prefixSize + " bytes do not hold the list of RAM blocks");
        }
    }

    private static Map<String, Integer> instanceCounts(VmDescription vmDescription) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (DeviceState device : vmDescription.devices()) {
            counts.merge(device.name(), 1, Integer::sum);
        }
        return counts;
    }
}
