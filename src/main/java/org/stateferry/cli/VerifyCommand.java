package org.stateferry.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.Sample;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.source.OpenMonitor;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code stateferry verify}: checks an image's metadata and reads vmstates back. Works on files alone, without Spring. */
@Command(
        name = "verify",
        sortOptions = false,
        description = "Checks an image's metadata as qemu-img check does, and reads the saved states in it back.",
        footer = {
            "",
            "Leaked clusters alone are a warning, not a failure: they waste space and harm nothing.",
            "",
            "An image that is in use is not read (exit code 11), except with --force-share."
        })
final class VerifyCommand implements Callable<Integer> {
    private final Console console;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "IMAGE", description = "The qcow2 image; it is only read.")
    private Path imagePath;

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description = "Read only this snapshot's state back; without it, that of every snapshot.")
    private @Nullable String name;

    @Option(names = "--id", description = "NAME is not a name but an id.")
    private boolean byId;

    @Option(
            names = "--against",
            paramLabel = "DUMP",
            description = "Compare the state with this dump, byte for byte; needs --name.")
    private @Nullable Path against;

    @Mixin
    private final DumpOptions dumpOptions = new DumpOptions();

    @Mixin
    private final SampleOptions sampling = new SampleOptions();

    @Mixin
    private final ForceShareOption sharing = new ForceShareOption();

    @Option(names = "--json", description = "Print what was found as one JSON object on standard output.")
    private boolean json;

    VerifyCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws StateferryException, PartialResult {
        if (against != null && name == null) {
            throw new ParameterException(spec.commandLine(), "--against needs --name");
        }
        if (byId && name == null) {
            throw new ParameterException(spec.commandLine(), "--id needs --name");
        }
        SampleOptions.@Nullable Share share = sampling.share();
        try (StillAtIt still = new StillAtIt(console, "reading " + imagePath);
                OpenImage open = OpenImages.openForReading(imagePath, sharing.locking(console))) {
            Qcow2Image image = Qcow2Image.open(open.file());
            CheckReport check = MetadataCheck.run(image);
            List<VmStateCheck> states = new ArrayList<>();
            StateferryException failure = null;
            if (check.isSound()) {
                try {
                    readStates(image, share, states);
                } catch (StateferryException e) {
                    failure = e;
                }
            }
            VerifyReport report = new VerifyReport(image, check, states, share, sharing.isForced());
            if (failure == null) {
                failure = report.failure(against);
            }
            if (!json) {
                report.lines().forEach(console::print);
            } else if (failure == null) {
                console.printJson(report.fields());
            }
            if (failure != null) {
                throw new PartialResult(report.fields(), failure);
            }
            return ExitCodes.DONE;
        }
    }

    private void readStates(Qcow2Image image, SampleOptions.@Nullable Share share, List<VmStateCheck> states)
            throws StateferryException {
        for (SnapshotTableEntry entry : selected(image)) {
            if (entry.vmStateSize() > 0) {
                states.add(check(image, entry, share == null ? null : share.sample()));
            }
        }
    }

    private VmStateCheck check(Qcow2Image image, SnapshotTableEntry entry, @Nullable Sample sample)
            throws StateferryException {
        try {
            return against == null
                    ? VmStateCheck.readBack(
                            image, entry, sample, dumpOptions.choice().format() != DumpFormat.OPAQUE)
                    : compared(image, entry, against, sample);
        } catch (StateferryException e) {
            if (against == null && (e.kind() == FailureKind.DUMP_INVALID || e.kind() == FailureKind.DUMP_UNFIT)) {
                throw unsound(entry, e);
            }
            if (e.kind() != FailureKind.IMAGE_CORRUPT) {
                throw e;
            }
            StateferryException found =
                    StateferryException.at(FailureKind.VERIFICATION, imagePath, e.offset(), e.problem());
            throw (e.advice() == null ? found : found.advise(e.advice())).causedBy(e);
        }
    }

    private StateferryException unsound(SnapshotTableEntry entry, StateferryException found) {
        return StateferryException.in(
                        FailureKind.VERIFICATION,
                        imagePath,
                        "the state of snapshot \"" + entry.nameText() + "\" cannot be loaded, by what its byte "
                                + Math.max(0, found.offset()) + " says: " + found.problem())
                .advise(
                        sharing.isForced()
                                ? VerifyReport.READ_WITHOUT_LOCK
                                : "Save or import the state again, and delete this one (stateferry snapshot delete). --format"
                                        + " opaque reads it back without looking into it.")
                .causedBy(found);
    }

    private List<SnapshotTableEntry> selected(Qcow2Image image) throws StateferryException {
        if (name == null) {
            return image.snapshotTable().entries();
        }
        SnapshotTableEntry entry = SnapshotSelection.one(name, byId).in(image).get(0);
        if (entry.vmStateSize() == 0) {
            throw StateferryException.in(
                            FailureKind.CONFLICT, imagePath, "the snapshot \"" + name + "\" is one of the disk alone")
                    .advise("stateferry snapshot list " + imagePath + " shows which have a state.");
        }
        return List.of(entry);
    }

    private VmStateCheck compared(Qcow2Image image, SnapshotTableEntry entry, Path dumpPath, @Nullable Sample sample)
            throws StateferryException {
        try (OpenImages.DumpReservation reserved = dumpOptions.reserve(DumpOptions.file(dumpPath));
                DumpSource dump =
                        DumpSources.open(DumpOptions.file(dumpPath), dumpOptions.choice(), OpenMonitor.NONE)) {
            return VmStateCheck.compare(image, entry, dump, sample);
        }
    }
}
