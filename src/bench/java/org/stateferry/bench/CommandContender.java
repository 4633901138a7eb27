package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
    static final String CONVERT_COMPRESSED = "qemu-img convert -c, zstd";
    static final String ZSTD = "zstd -1 -T1 + sync FILE";
    static final String GZIP = "gzip -1 + sync FILE";

    private static final String CACHED_SOURCE = "source cached; flushed when it is closed";

    static Contender copy() {
        return script(COPY, "cp --reflink=never, then sync of the copy", "cp", "cp --reflink=never \"$0\" \"$1\"");
    }

    /** The compressor of our images of type zstd, at our level, with one thread. */
    static Contender zstd() {
        return script(ZSTD, "zstd -1 -T1 to a file, then sync of it", "zstd", "zstd -q -1 -T1 \"$0\" -o \"$1\"");
    }

    /** The compressor of the others, at our level; it never uses more than one thread. */
    static Contender gzip() {
        return script(GZIP, "gzip -1 to a file, then sync of it", "gzip", "gzip -1 <\"$0\" >\"$1\"");
    }

    /** {@code sync} with a file name is an {@code fsync} of it. */
    private static Contender script(String row, String description, String tool, String script) {
        return new CommandContender(
                row,
                description,
                tool,
                (source, target) ->
                        List.of("sh", "-c", script + " && sync \"$1\"", source.toString(), target.toString()));
    }

    /** {@code qemu-img convert} through the page cache; its own default, unsafe, would not flush. */
    static Contender convertCached() {
        return convert(CONVERT_CACHED, CACHED_SOURCE, "-t", "writeback", "-T", "writeback");
    }

    /** {@code qemu-img convert} past the page cache, from a cached source. */
    static Contender convertTargetDirect() {
        return convert(CONVERT_TARGET_DIRECT, CACHED_SOURCE, "-t", "none", "-T", "writeback");
    }

    /** {@code qemu-img convert} past the page cache on both sides: it reads the source from the disk. */
    static Contender convertDirect() {
        return convert(
                CONVERT_DIRECT,
                "reads the source from the disk as well; flushed when it is closed",
                "-t",
                "none",
                "-T",
                "none");
    }

    /** {@code qemu-img convert} to compressed clusters, through the page cache as ours are. */
    static Contender convertCompressed() {
        return convert(
                CONVERT_COMPRESSED,
                CACHED_SOURCE,
                "-c",
                "-o",
                "compression_type=zstd",
                "-t",
                "writeback",
                "-T",
                "writeback");
    }

    private static Contender convert(String row, String description, String... options) {
        List<String> command = new ArrayList<>(List.of("qemu-img", "convert", "-f", "raw", "-O", "qcow2"));
        command.addAll(List.of("-m", "8", "-W"));
        command.addAll(List.of(options));
        return new CommandContender(
                row, String.join(" ", command) + ", " + description, "qemu-img", (source, target) -> {
                    List<String> line = new ArrayList<>(command);
                    line.addAll(List.of(source.toString(), target.toString()));
                    return line;
                });
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return QemuTools.isOnPath(tool) ? Optional.empty() : Optional.of(tool + " is not installed");
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException {
        Path target = folder.resolve("target");
        List<String> line = command.apply(stream.path(), target);
        double seconds = Commands.run(line.toArray(String[]::new)).seconds();
        return List.of(new Timing(row, seconds, Files.size(target)));
    }
}
