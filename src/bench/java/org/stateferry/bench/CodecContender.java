package org.stateferry.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.source.PieceStream;
import org.stateferry.testing.QemuTools;

/**
 * A stream that was compressed from outside: read as an import reads it, decoded, followed and checksummed, against the
 * codec's own tool with its output thrown away.
 */
final class CodecContender implements Contender {
    /** As the transfer reads: what it sums up is still in the processor's cache. */
    private static final int SLICE_SIZE = 128 * 1024;

    private final Coding coding;
    private final boolean ours;
    private final Path compressed;

    /** How a stream is compressed, as people do. */
    enum Coding {
        GZIP("gzip", "gzip -1 -c", "gzip -dc"),
        ZSTD("zstd", "zstd -q -T1 -c", "zstd -q -dc"),
        LZ4("lz4", "lz4 -q -c", "lz4 -q -dc"),
        LZOP("lzop", "lzop -c", "lzop -dc"),
        XZ("xz", "xz -0 -T2 -c", "xz -dc"),
        BZIP2("bzip2", "bzip2 -1 -c", "bzip2 -dc");

        private final String tool;
        private final String encode;
        private final String decode;

        Coding(String tool, String encode, String decode) {
            this.tool = tool;
            this.encode = encode;
            this.decode = decode;
        }

        private String row(boolean ours) {
            return ours ? name().toLowerCase(Locale.ROOT) + ", read and decoded here" : decode + " >/dev/null";
        }
    }

    /**
     * @param ours whether we decode, or the tool
     * @param folder keeps the compressed file from one round to the next
     */
    CodecContender(Coding coding, boolean ours, Path folder) {
        this.coding = coding;
        this.ours = ours;
        this.compressed = folder.resolve("stream." + coding.tool);
    }

    /** All of them, each beside its tool. */
    static List<Contender> all(Path folder) {
        List<Contender> all = new ArrayList<>();
        for (Coding coding : Coding.values()) {
            all.add(new CodecContender(coding, true, folder));
            all.add(new CodecContender(coding, false, folder));
        }
        return all;
    }

    /** Ours over the tool's. */
    static List<Target> targets() {
        List<Target> targets = new ArrayList<>();
        for (Coding coding : Coding.values()) {
            boolean hasAim = coding == Coding.GZIP || coding == Coding.ZSTD;
            targets.add(new Target(coding.row(true), coding.row(false), hasAim ? 1 : Target.NO_AIM));
        }
        return targets;
    }

    @Override
    public String description() {
        return coding.row(ours) + ", of the output of " + coding.encode;
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return QemuTools.isOnPath(coding.tool) ? Optional.empty() : Optional.of(coding.tool + " is not installed");
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException, StateferryException {
        if (!Files.exists(compressed)) {
            shell(coding.encode, stream.path(), compressed);
        }
        shell("cat", compressed, Path.of("/dev/null"));
        long start = System.nanoTime();
        if (ours) {
            long decoded = decode();
            if (decoded != stream.size()) {
                throw new AssertionError(decoded + " bytes were decoded of " + stream.size());
            }
        } else {
            shell(coding.decode, compressed, Path.of("/dev/null"));
        }
        return List.of(new Timing(coding.row(ours), Commands.secondsSince(start)));
    }

    private static void shell(String command, Path source, Path target) {
        Commands.run("sh", "-c", command + " <\"$0\" >\"$1\"", source.toString(), target.toString());
    }

    private long decode() throws StateferryException {
        ByteBuffer slice = ByteBuffer.allocateDirect(SLICE_SIZE);
        CRC32C crc = new CRC32C();
        long decoded = 0;
        try (DumpSource dump = DumpSources.open(compressed, DumpFormat.AUTO);
                PieceStream pieces = dump.pieces(0)) {
            while (pieces.read(slice.clear()) > 0) {
                decoded += slice.position();
                crc.update(slice.flip());
            }
        }
        return decoded;
    }
}
