package org.stateferry.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.ImageReport;
import org.stateferry.cli.output.InspectReport;
import org.stateferry.cli.output.LibvirtSaveReport;
import org.stateferry.cli.output.StreamReport;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpContent;
import org.stateferry.source.DumpInspection;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stateferry inspect}: what a file holds. Opens that file alone, for reading, without Spring. */
@Command(
        name = "inspect",
        sortOptions = false,
        description = "Says what a dump, a libvirt save file or a qcow2 image holds.",
        footer = {
            "",
            "Of a dump of any size only the beginning and the end are read; 'import' and 'verify --against' read all of"
                    + " it. A problem that is found there is told, and is no failure (exit code 0).",
            "",
            "Of a damaged image all is told that can be read, then what is wrong; that is a failure (exit code 12).",
            "",
            "An image that is in use is not read (exit code 11), except with --force-share. Files that an image or a save file names are not opened."
        })
final class InspectCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(index = "0", paramLabel = "FILE", description = "The file, or - for standard input; it is only read.")
    private Path file;

    @Mixin
    private final ForceShareOption sharing = new ForceShareOption();

    @Option(names = "--json", description = "Print what was found as one JSON object on standard output.")
    private boolean json;

    InspectCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws StateferryException, PartialResult {
        InspectReport report = report();
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

    private InspectReport report() throws StateferryException {
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

    private DumpContent inspect() throws StateferryException {
        try (OpenImages.DumpReservation reserved = OpenImages.reserveDump(DumpOptions.file(file))) {
            return DumpInspection.inspect(DumpOptions.file(file));
        }
    }
}
