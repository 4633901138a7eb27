package org.stateferry.host;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.LongSupplier;

/** The memory of the machine, or of the container that the process runs in. */
public final class HostMemory {
    /** What is smaller never counts as large, however little memory there is. */
    private static final long NEVER_LARGE_MAX = 64L << 20;

    private static final int SHARE = 4;

    private HostMemory() {}

    /**
     * Whether so many bytes are more than a quarter of the memory, so that having them in the page cache would push out
     * what others have there.
     */
    public static boolean isLargeForPageCache(long size) {
        return isLargeForPageCache(size, HostMemory::size);
    }

    /**
     * @param memorySize tells how many bytes of memory there are
     */
    static boolean isLargeForPageCache(long size, LongSupplier memorySize) {
        return size > NEVER_LARGE_MAX && size > memorySize.getAsLong() / SHARE;
    }

    private static long size() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system.getTotalMemorySize()
                : Long.MAX_VALUE;
    }
}
