package org.stateferry.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.ImageReport;
import org.stateferry.cli.output.InspectReport;
import org.stateferry.cli.output.LibvirtSaveReport;
import org.stateferry.cli.output.StreamContentsReport;
import org.stateferry.cli.output.StreamReport;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.RamFiles;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.source.DumpContent;
import org.stateferry.source.DumpInspection;
import org.stateferry.source.StoredStream;
import org.stateferry.source.codec.Codec;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;
import org.stateferry.stream.inspection.DeviceFields;
import org.stateferry.stream.inspection.StreamInspection;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stateferry inspect}: what a file holds. Opens that file alone, for reading, without Spring. */
@Command(
        name = "inspect",
        sortOptions = false,
        description = "Shows what a dump, a libvirt save file or a qcow2 image holds.",
        footer = {
            "",
            "With --sections, --pages, --devices or --extract-ram all of the stream is read. If it is damaged, everything"
                    + " before is shown, then the problem; the exit code is 10.",
            "",
            "Without them, only the beginning and the end of a large dump are read; 'import' and 'verify --against' read"
                    + " all of it. A problem that is found there is told, and is no failure (exit code 0).",
            "",
            "For a damaged image, everything readable is shown, then the problem; the exit code is 12.",
            "",
            "An image that is in use is not read (exit code 11), except with --force-share. Files that an image or a save file names are not opened."
        })
final class InspectCommand implements Callable<Integer> {
    /** How far the stream in a snapshot is followed to find its end, in bytes, if it has no vmdescription. */
    private static final long SURVEY_MAX = 512L << 20;

    private final Console console;
    private final TerminationSignals signals;
    private @Nullable RamFiles ram;

    @Parameters(index = "0", paramLabel = "FILE", description = "The file, or - for standard input; it is only read.")
    private Path file;

    @Mixin
    private final ForceShareOption sharing = new ForceShareOption();

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description = "Of an image: look into the saved state of this snapshot.")
    private @Nullable String name;

    @Option(names = "--id", description = "NAME is not a name but an id.")
    private boolean byId;

    @Option(
            names = "--sections",
            description = "Read all of the stream, and list its sections with versions and sizes.")
    private boolean sections;

    @Option(
            names = "--pages",
            description =
                    "Read all of the stream, and count for each RAM block the pages with content, the pages of zeros and"
                            + " those that come again; with the SHA-256 of the block's content.")
    private boolean pages;

    @Option(
            names = "--devices",
            description = "Read all of the stream, and show the fields of its devices, as far as the stream describes"
                    + " them.")
    private boolean devices;

    @Option(
            names = "--extract-ram",
            paramLabel = "DIR",
            description =
                    "Read all of the stream, and make the folder DIR with a file for each RAM block that holds what the"
                            + " block holds. It appears when it is complete, and only you may read it.")
    private @Nullable Path ramFolder;

    @Option(names = "--json", description = "Print what was found as one JSON object on standard output.")
    private boolean json;

    InspectCommand(Console console, TerminationSignals signals) {
        this.console = console;
        this.signals = signals;
    }

    @Override
    public Integer call() throws StateferryException, PartialResult {
        InspectReport report;
        try (StillAtIt still = new StillAtIt(console, "reading " + file);
                RamFiles made = ramFiles()) {
            ram = made;
            report = report();
        }
        StateferryException failure =
                report.failures().isEmpty() ? null : report.failures().get(0);
        if (!json) {
            report.printTo(console::print);
        } else if (failure == null) {
            console.printJson(report.fields());
        }
        if (failure != null) {
            throw new PartialResult(report.fields(), failure);
        }
        return ExitCodes.DONE;
    }

    private @Nullable RamFiles ramFiles() throws StateferryException {
        if (ramFolder == null) {
            return null;
        }
        signals.takeOver();
        return RamFiles.create(ramFolder, () -> {
            if (signals.stop().isRequested()) {
                throw StateferryException.of(
                        FailureKind.INTERRUPTED, "the command was interrupted, and " + ramFolder + " not made");
            }
        });
    }

    private boolean isReadThrough() {
        return sections || pages || devices || ram != null;
    }

    private InspectReport report() throws StateferryException {
        if (name != null) {
            return snapshotReport(name);
        }
        if (isReadThrough()) {
            List<InspectReport> reports = new ArrayList<>();
            try (OpenImages.DumpReservation reserved = OpenImages.reserveDump(DumpOptions.file(file))) {
                DumpInspection.read(
                        DumpOptions.file(file),
                        (content, found, codec) -> reports.add(contents(content, found, codec, null, true)));
            }
            return reports.get(0);
        }
        DumpContent content = inspect();
        if (content instanceof DumpContent.Stream stream) {
            return new StreamReport(file, stream);
        }
        if (content instanceof DumpContent.LibvirtSave save) {
            return new LibvirtSaveReport(file, save);
        }
        if (content instanceof DumpContent.Other other) {
            return new InspectReport.Other(file, other);
        }
        try (OpenImage open = OpenImages.openForReading(file, sharing.locking(console))) {
            return ImageReport.of(file, open.file(), sharing.isForced());
        }
    }

    private InspectReport snapshotReport(String wanted) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(file, sharing.locking(console))) {
            Qcow2Image image = Qcow2Image.open(open.file());
            SnapshotTableEntry entry =
                    SnapshotSelection.one(wanted, byId).in(image).get(0);
            if (entry.vmStateSize() == 0) {
                throw StateferryException.in(
                                FailureKind.CONFLICT,
                                open.path(),
                                "the snapshot \"" + wanted + "\" is one of the disk alone")
                        .advise("stateferry snapshot list " + file + " shows which have a state.");
            }
            StoredStream content = new StoredStream(image, entry);
            if (!content.isStream()) {
                throw StateferryException.in(
                                FailureKind.DUMP_INVALID,
                                open.path(),
                                "the state of \"" + entry.nameText() + "\" does not begin as a migration stream")
                        .advise("It was stored as it is (--format opaque); stateferry export writes it into a file.");
            }
            StreamSurvey.Effort effort = new StreamSurvey.Effort(true, SURVEY_MAX);
            return contents(content, StreamSurvey.run(content, 0, effort), null, entry.nameText(), isReadThrough());
        }
    }

    /** @param wanted whether the stream is to be read through */
    private StreamContentsReport contents(
            StreamFile content,
            StreamSurvey.Result found,
            @Nullable Codec codec,
            @Nullable String snapshot,
            boolean wanted)
            throws StateferryException {
        DumpContent.Stream known = DumpInspection.content(found);
        if (!wanted) {
            return new StreamContentsReport(
                    new StreamReport(file, known), snapshot, null, DeviceFields.NONE, null, List.of());
        }
        // What is wrong is told once, at the end.
        DumpContent.Stream head = new DumpContent.Stream(
                known.offset(), codec, known.length(), known.surplus(), known.facts(), List.of());
        StreamReport report = new StreamReport(file, head);
        List<StateferryException> problems = new ArrayList<>();
        if (found.obstacle() != null) {
            return new StreamContentsReport(report, snapshot, null, DeviceFields.NONE, null, known.problems());
        }
        StreamInspection.Result met = DumpInspection.look(content, found, pages, devices, ram);
        StateferryException damage = met.damage();
        if (damage == null) {
            problems.addAll(known.problems());
        } else {
            problems.add(damage);
        }
        DeviceFields fields = DeviceFields.NONE;
        if (devices) {
            try {
                fields = DeviceFields.read(content, found.stream(), met.devices());
                if (fields.damage() != null) {
                    problems.add(fields.damage());
                }
            } catch (StateferryException e) {
                problems.add(e);
            }
        }
        StreamContentsReport.ExtractedRam extracted = null;
        if (ram != null && met.ramEnded()) {
            List<RamFiles.RamFile> files = ram.complete();
            extracted = new StreamContentsReport.ExtractedRam(ram.folder(), files);
        }
        return new StreamContentsReport(report, snapshot, met, fields, extracted, problems);
    }

    private DumpContent inspect() throws StateferryException {
        try (OpenImages.DumpReservation reserved = OpenImages.reserveDump(DumpOptions.file(file))) {
            return DumpInspection.inspect(DumpOptions.file(file));
        }
    }
}
