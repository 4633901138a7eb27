package org.stateferry.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.OutcomeReport;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.LibvirtSnapshotXml;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportRequest;
import org.stateferry.storage.IoMode;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code stateferry import}: one dump into one image. */
@Command(
        name = "import",
        sortOptions = false,
        description = "Writes a saved VM state into a qcow2 image as an internal snapshot.",
        footer = {
            "",
            "The image either stays as it was or holds the complete new snapshot, whenever the command is killed. Run"
                    + " again, it continues, or says that the work is already done.",
            "",
            "SIGUSR1 makes it print on standard error where it is: phase, bytes and rate.",
            "",
            "A guest with several disks: QEMU's -loadvm takes the state from the first writable drive that can hold"
                    + " snapshots, so IMAGE must be that one; with UEFI firmware it usually is the flash drive of the"
                    + " variables. Every other inserted writable drive needs a snapshot of the same name: give each with"
                    + " --also. QMP's snapshot-load names the drive with the state itself, in any order.",
            "",
            "An image made with --create carries the state of a guest whose disks lie elsewhere. QEMU loads it if it is the"
                    + " first drive that can hold snapshots; it needs no device:",
            "  -drive if=none,file=IMAGE,format=qcow2   before all other drives",
            "Every other writable disk must be one that can hold snapshots, and have one of the same name, made when the"
                    + " state was saved: with --also, or by qemu-img snapshot -c NAME DISK. A read-only one needs none.",
            "",
            "libvirt keeps its own list of snapshots. To make it know the new one, add --libvirt-xml and run afterwards:",
            "  virsh snapshot-create DOMAIN OUT.xml --redefine"
        })
final class ImportCommand implements Callable<Integer> {
    private static final long NO_LIMIT = 0;

    private final ImportRun runs;

    @ParentCommand
    private StateferryCommand program;

    @Spec
    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "DUMP",
            description = "The saved state, or - for standard input; it is only read.")
    private Path dump;

    @Parameters(index = "1", paramLabel = "IMAGE", description = "The qcow2 image that gets the snapshot.")
    private Path image;

    @ArgGroup(multiplicity = "1")
    private SnapshotChoice snapshot;

    /** The snapshot that gets the state. */
    static final class SnapshotChoice {
        @Option(names = "--name", paramLabel = "NAME", description = "The new snapshot's name.")
        private @Nullable String name;

        @Option(
                names = "--into",
                paramLabel = "NAME",
                description =
                        "Give the state to this snapshot instead, which is there and is of the disk alone"
                                + " (qemu-img snapshot -c), made while the guest was stopped to be saved. Its disk stays what it is.")
        private @Nullable String into;

        String name() {
            return Objects.requireNonNull(name == null ? into : name, "one of them is given");
        }
    }

    @Mixin
    private final CreateOptions create = new CreateOptions();

    @Option(
            names = "--also",
            paramLabel = "DISK",
            description = "Another writable qcow2 disk of the guest; it gets a snapshot of the same name without the"
                    + " state. Once for each, 64 at most.")
    private List<Path> otherDisks = List.of();

    @Option(
            names = "--io",
            defaultValue = "auto",
            paramLabel = "MODE",
            description = "How data reaches the image: cached, direct (O_DIRECT, past the page cache), auto (direct for"
                    + " states of more than a quarter of the memory, if file system and cluster size allow it),"
                    + " or reflink (the image gets the dump's blocks, where XFS or btrfs allows it; else cached)."
                    + " Default: auto.")
    private IoMode io;

    @Option(
            names = "--compress",
            defaultValue = "none",
            paramLabel = "HOW",
            description = "How the state is stored: none, or image (compressed as the image's header says, where that"
                    + " saves an eighth). Default: none.")
    private Compression compression;

    @Mixin
    private final DumpOptions dumpOptions = new DumpOptions();

    @Option(names = "--dry-run", description = "Make all checks, say what would be done, and change nothing.")
    private boolean dryRun;

    @Option(names = "--strict", description = "Refuse when a disk is newer than the dump, instead of a warning.")
    private boolean strict;

    @Option(
            names = "--allow-bitmaps",
            description = "Accept an image with persistent bitmaps, although QEMU cannot revert such an image.")
    private boolean allowBitmaps;

    @Option(
            names = "--no-lock",
            description = "Do not lock the image. Only for file systems without locks: nothing else may use it then.")
    private boolean withoutLock;

    @Option(
            names = "--verify",
            description =
                    "Read everything back from the image before it is switched over. The disk itself is read if the I/O"
                            + " is direct or a reflink; else most of it comes from the page cache.")
    private boolean verify;

    @Option(
            names = "--limit-rate",
            paramLabel = "RATE",
            converter = ArgumentConverter.Rate.class,
            description = "Write at most so many bytes per second, for example 200M (K, M, G, T: powers of 1024).")
    private long limitBytesPerSecond = NO_LIMIT;

    @Option(
            names = "--libvirt-xml",
            paramLabel = "OUT.xml",
            description = "Afterwards, describe the snapshot to libvirt in this file.")
    private @Nullable Path libvirtXml;

    @Option(
            names = "--libvirt-domain",
            paramLabel = "FILE",
            description =
                    "With --libvirt-xml: the domain, as virsh dumpxml prints it, or in a save file. Default: DUMP, if it is"
                            + " a save file.")
    private @Nullable Path libvirtDomain;

    @Mixin
    private final RunOptions options = new RunOptions();

    ImportCommand(ImportRun runs) {
        this.runs = runs;
    }

    @Override
    public Integer call() throws StateferryException {
        ImportRequest request = request();
        LibvirtSnapshotXml description = description();
        if (dryRun) {
            return runs.preview(program.home(), options, request);
        }
        int exitCode = runs.run(
                program.home(),
                options,
                (imports, progress, stop) -> new OutcomeReport(request, imports.run(request, progress, stop)));
        if (description != null) {
            description.write(image, otherDisks, snapshot.name());
        }
        return exitCode;
    }

    private @Nullable LibvirtSnapshotXml description() throws StateferryException {
        if (libvirtXml == null) {
            if (libvirtDomain != null) {
                throw new ParameterException(spec.commandLine(), "--libvirt-domain needs --libvirt-xml");
            }
            return null;
        }
        if (libvirtDomain == null && DumpOptions.isStandardInput(dump)) {
            throw StateferryException.of(
                            FailureKind.USAGE,
                            "standard input is read only once, so --libvirt-xml finds no domain in it")
                    .advise(
                            "Give --libvirt-domain with the output of virsh dumpxml DOMAIN in a file, or with a libvirt save file.");
        }
        return LibvirtSnapshotXml.of(libvirtXml, libvirtDomain == null ? dump : libvirtDomain);
    }

    private ImportRequest request() {
        boolean into = snapshot.into != null;
        if (snapshot.name().isBlank()) {
            throw new ParameterException(spec.commandLine(), (into ? "--into" : "--name") + " must not be blank");
        }
        if (into && create.newImage() != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--into needs a snapshot that is there, and --create makes an image without one");
        }
        ImportOptions how = new ImportOptions(
                dumpOptions.choice(), io, compression, strict, allowBitmaps, !withoutLock, verify, limitBytesPerSecond);
        return new ImportRequest(
                DumpOptions.file(dump), image, snapshot.name(), into, otherDisks, create.newImage(), how);
    }
}
