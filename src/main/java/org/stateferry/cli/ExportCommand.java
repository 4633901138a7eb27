package org.stateferry.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.Texts;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Compression;
import org.stateferry.exporter.Export;
import org.stateferry.exporter.ExportOutcome;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.exporter.ExportRequest.Container;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.source.RamLayout;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code stateferry export}: the saved state of a snapshot as a file. Works on files alone, without Spring. */
@Command(
        name = "export",
        sortOptions = false,
        description = "Writes the saved state of a snapshot into a file of its own, as it was put in.",
        footer = {
            "",
            "OUT appears when it is complete and forced to disk; until then it lies beside it under a name that begins with"
                    + " a dot. An export that was killed or interrupted goes on from there when the same command is given"
                    + " again. Nobody may do more with it than with the image. Zeros become holes, unless the state is"
                    + " compressed. The image is only read; one that is in use is not (exit code 11)."
        })
final class ExportCommand implements Callable<Integer> {
    private static final String STANDARD_OUTPUT = "-";

    private final Console console;
    private final TerminationSignals signals;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "IMAGE", description = "The qcow2 image; it is only read.")
    private Path image;

    @Parameters(index = "1", paramLabel = "OUT", description = "The file to make; - for standard output.")
    private Path out;

    @Option(names = "--name", required = true, paramLabel = "NAME", description = "The snapshot's name.")
    private String name;

    @Option(names = "--id", description = "NAME is not a name but an id.")
    private boolean byId;

    @Option(
            names = "--format",
            paramLabel = "stream|mapped-ram|libvirt",
            converter = FormatConverter.class,
            description =
                    "What OUT is: the stream alone, which QEMU loads with -incoming \"exec:cat OUT\"; a file in the mapped-ram"
                            + " layout, which QEMU 9 and later loads with -incoming file:OUT; or a file that virsh restore"
                            + " takes, with --like or --xml. Default: the state as it was put in, byte for byte.")
    private @Nullable Format format;

    @Option(
            names = "--like",
            paramLabel = "SAVEFILE",
            description = "With --format libvirt: take the domain, and all else but the state, from this save file.")
    private @Nullable Path like;

    @Option(
            names = "--xml",
            paramLabel = "FILE",
            description = "With --format libvirt: a file with the output of virsh dumpxml.")
    private @Nullable Path xml;

    @Option(
            names = "--compress",
            paramLabel = "none|gzip|zstd|xz",
            defaultValue = "none",
            description = "Compress the state. Default: none.")
    private Compression compression;

    @Option(names = "--force", description = "Replace OUT if it exists; until the new one is complete it stays.")
    private boolean force;

    @Option(names = "--json", description = "Print the outcome as one JSON object on standard output.")
    private boolean json;

    /** What an export makes. */
    enum Format {
        /** The migration stream, its RAM in records. */
        STREAM,
        /** The migration stream, its RAM at fixed places. */
        MAPPED_RAM,
        /** A libvirt save file. */
        LIBVIRT;

        /** As it is written on the command line and in JSON. */
        String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /** Knows the formats by their words. */
    static final class FormatConverter implements ITypeConverter<Format> {
        @Override
        public Format convert(String value) {
            for (Format format : Format.values()) {
                if (format.word().equalsIgnoreCase(value)) {
                    return format;
                }
            }
            throw new TypeConversionException("'" + value + "' is none of stream, mapped-ram and libvirt");
        }
    }

    ExportCommand(Console console, TerminationSignals signals) {
        this.console = console;
        this.signals = signals;
    }

    @Override
    public Integer call() throws StateferryException {
        boolean toFile = !out.toString().equals(STANDARD_OUTPUT);
        if (!toFile && json) {
            throw new ParameterException(spec.commandLine(), "--json and the state cannot both go to standard output");
        }
        if (format == Format.MAPPED_RAM && compression != Compression.NONE) {
            throw new ParameterException(
                    spec.commandLine(),
                    "QEMU reads a mapped-ram file from anywhere, so it cannot be compressed; leave out --compress");
        }
        ExportRequest request = new ExportRequest(
                image,
                SnapshotSelection.one(name, byId),
                toFile ? out : null,
                force,
                layout(),
                container(),
                compression);
        signals.takeOver();
        ExportOutcome outcome = run(request);
        if (json) {
            console.printJson(fields(outcome));
        } else {
            console.say(said(outcome));
        }
        return ExitCodes.DONE;
    }

    private ExportOutcome run(ExportRequest request) throws StateferryException {
        try (StillAtIt still = new StillAtIt(console, "exporting " + image);
                Export export = Export.open(request, console.dataOutput())) {
            if (export.resumedFrom() > 0) {
                console.say("going on with an earlier attempt: " + Texts.bytes(export.resumedFrom()) + " of "
                        + Texts.bytes(export.size()) + " are there");
            }
            return export.run(this::requireNoSignal);
        }
    }

    /** A libvirt save file has its RAM in records, or what libvirt calls sparse, which needs more than the stream. */
    private @Nullable RamLayout layout() {
        if (format == null) {
            return null;
        }
        return format == Format.MAPPED_RAM ? RamLayout.MAPPED : RamLayout.PLAIN;
    }

    private Container container() {
        if (format != Format.LIBVIRT) {
            if (like != null || xml != null) {
                throw new ParameterException(spec.commandLine(), "--like and --xml need --format libvirt");
            }
            return new Container.Stream();
        }
        if (like != null && xml == null) {
            return new Container.LibvirtLike(like);
        }
        if (xml != null && like == null) {
            return new Container.LibvirtDomain(xml);
        }
        throw new ParameterException(spec.commandLine(), "--format libvirt needs either --like or --xml");
    }

    private void requireNoSignal() throws StateferryException {
        if (signals.stop().isRequested()) {
            throw StateferryException.of(
                            FailureKind.INTERRUPTED, "the export was interrupted, and " + out + " not made")
                    .advise("Run the same command again.");
        }
    }

    private String said(ExportOutcome outcome) {
        String size = Texts.bytes(outcome.streamSize());
        return "exported '" + outcome.name() + "' of " + image + ": " + size
                + (compression == Compression.NONE ? "" : ", compressed to " + Texts.bytes(outcome.outputSize()))
                + (outcome.mappedRam()
                        ? "; it is in the mapped-ram layout: load it with -global migration.mapped-ram=on -incoming file:"
                                + out
                        : "");
    }

    private Map<String, Object> fields(ExportOutcome outcome) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("image", image.toString());
        fields.put("id", outcome.id());
        fields.put("name", outcome.name());
        fields.put("out", out.toString());
        Format stream = outcome.mappedRam() ? Format.MAPPED_RAM : Format.STREAM;
        fields.put("format", (format == Format.LIBVIRT ? format : stream).word());
        fields.put("compression", compression.name().toLowerCase(Locale.ROOT));
        fields.put("mappedRam", outcome.mappedRam());
        fields.put("streamSize", outcome.streamSize());
        fields.put("outputSize", outcome.outputSize());
        fields.put("resumedFrom", outcome.resumedFrom());
        fields.put("millis", outcome.millis());
        return fields;
    }
}
