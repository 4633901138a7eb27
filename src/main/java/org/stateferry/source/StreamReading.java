package org.stateferry.source;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.mapped.MappedRam;
import org.stateferry.source.mapped.PlainRam;
import org.stateferry.stream.MappedLayout;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.SectionCut;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;

/**
 * How the stream of a dump is transformed for its reader: the layout of RAM, and the sections left out. For one dump
 * and one thread.
 */
final class StreamReading {
    /** Files up to this size in bytes are read through, which takes no more than some ten milliseconds. */
    private static final long MEASURED_SIZE_MAX = 128L * 1024 * 1024;
    /** The content has been put together from a stream whose sections were followed, so its end is where it says. */
    private static final StreamSurvey.Effort KNOWN = new StreamSurvey.Effort(true, Long.MAX_VALUE);

    private final DumpHolder file;
    private final DumpForm form;
    private final DumpChoice choice;
    private final OpenMonitor monitor;
    private final List<String> warnings = new ArrayList<>();
    /** What is made of the file; null as long as that is nothing else. */
    private @Nullable StreamFile content;
    /** From where on the content's bytes lie at the same offset of the file. */
    private long fileBytesFrom;

    StreamReading(DumpHolder file, DumpForm form, DumpChoice choice, OpenMonitor monitor) {
        this.file = file;
        this.form = form;
        this.choice = choice;
        this.monitor = monitor;
    }

    /** Whether a vmdescription at the end of a file is taken for that of the stream without following the sections to it. */
    static boolean isEndTrusted(DumpHolder file) {
        return isEndTrusted(file.size()) && !file.isBlockDevice();
    }

    /** The same for what has so many bytes and nothing behind them. */
    static boolean isEndTrusted(long size) {
        return size > MEASURED_SIZE_MAX;
    }

    /**
     * The dump whose stream begins at an offset of the file.
     *
     * @throws StateferryException if no snapshot can load it, or it cannot be read as it is wanted
     */
    DumpSource open(long offset) throws StateferryException {
        StreamSurvey.Effort effort = new StreamSurvey.Effort(isEndTrusted(file), Long.MAX_VALUE);
        StreamSurvey.Result found =
                survey(new MonitoredFile(file, monitor, "to find the end of its stream"), offset, effort);
        warnings.addAll(file.warnings());
        warn(found.stream());
        if (found.guestRanOn()) {
            warnings.add(StreamCheck.RAN_ON);
        }
        MigrationStream stream = found.stream().facts().isMapped() ? fromMapped(found) : found.stream();
        if (!choice.dropSections().isEmpty()) {
            stream = cut(stream);
        }
        if (choice.ramLayout() == RamLayout.MAPPED && !stream.facts().isMapped()) {
            stream = toMapped(stream, found);
        }
        return content == null
                ? new OpenDump(file, form, choice.offset(), stream, stream.facts(), found.damage(), warnings)
                : new ComposedDump(file, form, content, fileBytesFrom, stream, found.damage(), warnings);
    }

    private static StreamSurvey.Result survey(StreamFile file, long offset, StreamSurvey.Effort effort)
            throws StateferryException {
        StreamSurvey.Result found = StreamSurvey.run(file, offset, effort);
        if (found.obstacle() != null) {
            throw found.obstacle();
        }
        return found;
    }

    private void warn(MigrationStream stream) {
        if (stream.vmDescription() == null) {
            warnings.add("the stream has no vmdescription, so not all damage to its device state can be noticed");
        }
        if (stream.surplus() > 0) {
            warnings.add("the stream ends at byte " + (stream.fileOffset() + stream.length()) + " of " + file.path()
                    + ": the " + stream.surplus() + " bytes behind it are not part of it and are left out");
        }
    }

    /** A damaged stream has no place from which its pages could be read with certainty. */
    private static void requireIntact(StreamSurvey.Result found) throws StateferryException {
        if (found.damage() != null) {
            throw found.damage();
        }
    }

    private MappedLayout layout(StreamSurvey.Result found) throws StateferryException {
        requireIntact(found);
        @Nullable MappedLayout layout = found.mapped();
        if (layout == null) {
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT, file.path(), "the list of RAM blocks cannot be followed to its end")
                    .advise("save the state again");
        }
        return layout;
    }

    /** Sets the content to that of a dump whose RAM lies at fixed places, and returns the stream that it is. */
    private MigrationStream fromMapped(StreamSurvey.Result found) throws StateferryException {
        MigrationStream stream = found.stream();
        MappedLayout layout = layout(found);
        if (choice.ramLayout() == RamLayout.PLAIN) {
            monitor.notice(
                    "the dump's RAM lies at fixed places (mapped-ram): it is stored as a plain stream, which every"
                            + " QEMU loads; --ram-layout mapped keeps it as it is");
            return composed(MappedRam.plain(file, stream, layout));
        }
        MigrationStream kept = composed(MappedRam.kept(file, stream, layout));
        fileBytesFrom = MappedRam.keptFrom(stream, layout);
        return kept;
    }

    /** The same for a plain stream, of which sections may have been left out already. */
    private MigrationStream toMapped(MigrationStream stream, StreamSurvey.Result found) throws StateferryException {
        requireIntact(found);
        StreamFile from = content();
        StreamFile watched = new MonitoredFile(from, monitor, "to find where each page of RAM lies");
        return composed(PlainRam.mapped(from, watched, stream));
    }

    private StreamFile content() {
        return content == null ? file : content;
    }

    private MigrationStream cut(MigrationStream stream) throws StateferryException {
        if (stream.facts().isMapped()) {
            throw StateferryException.of(
                            FailureKind.USAGE, "--drop-section cannot go together with --ram-layout mapped")
                    .advise("leave out --ram-layout mapped");
        }
        StreamFile from = content();
        StreamFile watched = new MonitoredFile(from, monitor, "to find the sections that are left out");
        SectionCut.Result cut = SectionCut.run(from, watched, stream, choice.dropSections());
        cut.sizes()
                .forEach((name, size) ->
                        warnings.add("the section '" + name + "' (" + size + " bytes) is left out of the state"));
        return composed(cut.content());
    }

    private MigrationStream composed(StreamFile made) throws StateferryException {
        content = made;
        fileBytesFrom = Long.MAX_VALUE;
        return survey(made, 0, KNOWN).stream();
    }
}
