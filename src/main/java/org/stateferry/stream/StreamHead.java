package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Reads what the beginning of a migration stream tells: header, configuration, and the sections up to the RAM section's
 * list of blocks.
 */
public final class StreamHead {
    /** How much of the stream has to be given, in bytes; heads of real machines have a few hundred. */
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
        ElementInput in = new ElementInput(file, fileOffset);
        SectionWalker walker = new SectionWalker(in, streamLength, vmDescription);
        in.offer(prefix.slice());
        boolean moved = true;
        while (moved && !walker.isHeadRead()) {
            moved = walker.step();
        }
        if (!walker.isHeadRead()) {
            if (prefix.remaining() >= streamLength) {
                walker.finish();
            }
            throw StateferryException.at(
                    FailureKind.DUMP_INVALID,
                    file,
                    in.fileOffset(),
                    "the first " + prefix.remaining() + " bytes do not hold the list of RAM blocks");
        }
        return new StreamFacts(
                ConfigurationWalker.VERSION,
                walker.configuration().machineType(),
                walker.ram().pageSize(),
                List.of(),
                walker.ram().blocks(),
                vmDescription == null ? null : vmDescription.extent(),
                vmDescription == null ? Map.of() : instanceCounts(vmDescription));
    }

    private static Map<String, Integer> instanceCounts(VmDescription vmDescription) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (DeviceState device : vmDescription.devices()) {
            counts.merge(device.name(), 1, Integer::sum);
        }
        return counts;
    }
}
