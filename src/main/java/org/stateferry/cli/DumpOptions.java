package org.stateferry.cli;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.RamLayout;
import org.stateferry.storage.OpenImages;
import picocli.CommandLine.Option;

/** The options of all commands that read a dump. */
final class DumpOptions {
    /** The name that stands for standard input. */
    private static final String STANDARD_INPUT = "-";

    private static final Path STANDARD_INPUT_PATH = Path.of("/dev/stdin");

    @Option(
            names = "--format",
            defaultValue = "auto",
            paramLabel = "FORMAT",
            description =
                    "The dump's form: auto, plain (a QEMU migration stream), gzip, zstd, xz, bzip2, lz4 or lzop (such a"
                            + " stream, compressed), libvirt (a save file), or opaque (any bytes, nothing is checked). Default:"
                            + " auto.")
    private DumpFormat format;

    @Option(
            names = "--offset",
            defaultValue = "0",
            paramLabel = "BYTES",
            converter = ArgumentConverter.Size.class,
            description =
                    "Where in DUMP the saved state begins, compressed or not (K, M, G, T: powers of 1024). Default:"
                            + " 0.")
    private long offset;

    @Option(
            names = "--ram-layout",
            defaultValue = "plain",
            paramLabel = "LAYOUT",
            description =
                    "How the guest's memory lies in the state: plain (in sequence, for every QEMU), or mapped (each"
                            + " page at a place of its own: mapped-ram, for QEMU 10.2 and later). Default: plain.")
    private RamLayout ramLayout;

    @Option(
            names = "--drop-section",
            paramLabel = "SECTION",
            description = "Leave this section of the dump out, such as pbs-state of Proxmox, which other QEMUs refuse."
                    + " Once for each.")
    private List<String> dropSections = List.of();

    @Option(
            names = "--from-snapshot",
            paramLabel = "NAME",
            description =
                    "DUMP is a qcow2 image, and the saved state is that of its snapshot of this name. Nobody may write to that"
                            + " image meanwhile.")
    private @Nullable String fromSnapshot;

    /** What was asked for. */
    DumpChoice choice() {
        return new DumpChoice(format, offset, ramLayout, dropSections, fromSnapshot);
    }

    /** Keeps a dump from being opened as an image, unless it is one. */
    OpenImages.DumpReservation reserve(Path dump) throws StateferryException {
        return fromSnapshot == null ? OpenImages.reserveDump(dump) : () -> {};
    }

    /** The file that is meant by an argument: "-" is standard input. */
    static Path file(Path argument) {
        return isStandardInput(argument) ? STANDARD_INPUT_PATH : argument;
    }

    static boolean isStandardInput(Path argument) {
        return argument.toString().equals(STANDARD_INPUT);
    }
}
