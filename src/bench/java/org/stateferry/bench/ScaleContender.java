package org.stateferry.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The import of a sparse file, taken as opaque, with one MiB of random bytes in each GiB: whether the time per GiB stays the
 * same when a state grows.
 */
final class ScaleContender implements Contender {
    private static final int MIB = 1 << 20;
    private static final long GIB = 1L << 30;
    /** A little more than the same is still the same. */
    private static final double SAME = 1.1;

    private static final Set<OpenOption> NEW_SPARSE =
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE);

    private final int gibibytes;
    private final ImportContender importing;

    ScaleContender(int gibibytes, ImportContender importing) {
        this.gibibytes = gibibytes;
        this.importing = importing;
    }

    /** Each size against the first. */
    static List<Target> targets(List<Integer> sizes) {
        List<Target> targets = new ArrayList<>();
        for (int size : sizes.subList(1, sizes.size())) {
            targets.add(new Target(row(size), row(sizes.get(0)), SAME));
        }
        return targets;
    }

    private static String row(int gibibytes) {
        return gibibytes + " GiB, transfer + publish";
    }

    @Override
    public String description() {
        return "stateferry import --format opaque of a sparse file of " + gibibytes + " GiB";
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return Optional.empty();
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException {
        Path dump = folder.resolve("sparse");
        writeSparse(dump);
        Commands.run("sync");
        ImportContender.Took took = importing.importInto(folder, dump, "opaque");
        return List.of(
                new Timing(row(gibibytes), took.transferAndPublish() / gibibytes),
                new Timing(gibibytes + " GiB, whole process", took.process() / gibibytes));
    }

    private void writeSparse(Path dump) throws IOException {
        SplittableRandom random = new SplittableRandom(gibibytes);
        byte[] block = new byte[MIB];
        try (FileChannel file = FileChannel.open(dump, NEW_SPARSE)) {
            for (int i = 0; i < gibibytes; i++) {
                random.nextBytes(block);
                ByteBuffer content = ByteBuffer.wrap(block);
                while (content.hasRemaining()) {
                    file.write(content, i * GIB + content.position());
                }
            }
            file.write(ByteBuffer.allocate(1), gibibytes * GIB - 1);
        }
    }
}
