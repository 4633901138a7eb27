package org.stateferry.qcow2;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.RunningCommand;

/** The engine's part of an import in a process of its own, with the memory that the launcher gives to {@code import}. */
final class ImportProcess {
    private static final Duration LIMIT = Duration.ofMinutes(10);

    private ImportProcess() {}

    /**
     * What an import needed.
     *
     * @param estimate what {@link SpaceEstimate} said before
     * @param growth by how many bytes the file grew
     */
    record Report(long estimate, long growth) {}

    /** Imports random bytes as snapshot "imported". */
    static Report run(Path image, int vmStateSize) {
        List<String> command = OtherJvm.withHeap("128m", ImportProcess.class, image, vmStateSize);
        String out = RunningCommand.run(LIMIT, command).requireSuccess().stdout();
        System.out.print(out);
        String[] words = out.split(" ");
        return new Report(Long.parseLong(words[1]), Long.parseLong(words[3]));
    }

    /** Prints what it needed in one line. */
    public static void main(String[] arguments) throws Exception {
        File file = new File(arguments[0]);
        byte[] vmState = ClusterContent.stream(Integer.parseInt(arguments[1]), 1);
        long sizeBefore = file.length();
        long estimate;
        long start = System.nanoTime();
        try (OpenImage image = OpenImages.openForUpdate(file.toPath(), OpenImages.Locking.EXCLUSIVE)) {
            Qcow2Image old = Qcow2Image.open(image.file());
            ImportRequirements.requireWritable(old, false);
            ImportRequirements.requireCapacity(old, vmState.length);
            ImportRun run = new ImportRun(image.file());
            ImportRequirements.requireSound(old, run.before());
            estimate = SpaceEstimate.growth(old, run.before(), vmState.length, 0);
            run.switchOver(run.stage("imported", vmState));
        }
        Duration time = Duration.ofNanos(System.nanoTime() - start);
        System.out.printf(
                "estimate %d growth %d millis %d peakHeap %d%n",
                estimate, file.length() - sizeBefore, time.toMillis(), peakHeap());
    }

    private static long peakHeap() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .mapToLong((MemoryPoolMXBean pool) -> pool.getPeakUsage().getUsed())
                .sum();
    }
}
