package org.stateferry.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import org.stateferry.testing.QemuTools;

/**
 * A program that turns the stream's file into another file; its time is that of the process.
 *
 * @param row what it is called in the tables
 * @param description what it does
 * @param tool the program that has to be installed
 * @param command the command line for a source and a target
 */
record CommandContender(String row, String description, String tool, BiFunction<Path, Path, List<String>> command)
        implements Contender {
    static final String COPY = "cp + sync FILE";
    static final String CONVERT_CACHED = "qemu-img convert -t writeback";
    static final String CONVERT_TARGET_DIRECT = "qemu-img convert -t none";
    static final String CONVERT_DIRECT = "qemu-img convert -t none -T none";

    /** {@code sync} with a file name is an {@code fsync} of it. */
    static Contender copy() {
        String script = "cp --reflink=never \"$0\" \"$1\" && sync \"$1\"";
        return new CommandContender(
                COPY,
                "cp --reflink=never, then sync of the copy",
                "cp",
                (source, target) -> List.of("sh", "-c", script, source.toString(), target.toString()));
    }

    /** {@code qemu-img convert} through the page cache; its own default, unsafe, would not flush. */
    static Contender convertCached() {
        return convert(CONVERT_CACHED, "source cached; flushed when it is closed", "writeback", "writeback");
    }

    /** {@code qemu-img convert} past the page cache, from a cached source. */
    static Contender convertTargetDirect() {
        return convert(CONVERT_TARGET_DIRECT, "source cached; flushed when it is closed", "none", "writeback");
    }

    /** {@code qemu-img convert} past the page cache on both sides: it reads the source from the disk. */
    static Contender convertDirect() {
        return convert(
                CONVERT_DIRECT, "reads the source from the disk as well; flushed when it is closed", "none", "none");
    }

    private static Contender convert(String row, String description, String targetCache, String sourceCache) {
        return new CommandContender(
                row,
                "qemu-img convert -f raw -O qcow2 -m 8 -W -t " + targetCache + " -T " + sourceCache + ", "
                        + description,
                "qemu-img",
                (source, target) -> List.of(
                        "qemu-img",
                        "convert",
                        "-f",
                        "raw",
                        "-O",
                        "qcow2",
                        "-m",
                        "8",
                        "-W",
                        "-t",
                        targetCache,
                        "-T",
                        sourceCache,
                        source.toString(),
                        target.toString()));
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return QemuTools.isOnPath(tool) ? Optional.empty() : Optional.of(tool + " is not installed");
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) {
        List<String> line = command.apply(stream.path(), folder.resolve("target"));
        return List.of(new Timing(row, Commands.run(line.toArray(String[]::new)).seconds()));
    }
}
