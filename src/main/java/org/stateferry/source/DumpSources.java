package org.stateferry.source;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.source.codec.Codec;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamSurvey;

/** Opens dumps and detects their format. */
public final class DumpSources {
    /** Files up to this size in bytes are read through, which takes no more than some ten milliseconds. */
    private static final long MEASURED_SIZE_MAX = 128L * 1024 * 1024;

    private DumpSources() {}

    /** Opens a dump read-only; see {@link #open(Path, DumpChoice, OpenMonitor)}. */
    public static DumpSource open(Path dump, DumpFormat format) throws StateferryException {
        return open(dump, new DumpChoice(format, 0), OpenMonitor.NONE);
    }

    /**
     * Opens a dump read-only.
     *
     * <p>The sections of a plain stream in a file are followed to find its end, unless it is large and ends with a
     * vmdescription. Of any other stream only the beginning is read.
     *
     * @param dump the file, or a pipe
     * @param choice what of it to take
     * @param monitor can end the opening, which takes as long as reading the dump once, or waiting for a pipe's writer
     * @return the open dump; the caller closes it
     * @throws StateferryException {@code DUMP_MISSING}, {@code DUMP_INVALID} if the file is not a dump,
     *     {@code DUMP_UNFIT} if no snapshot can load it
     */
    public static DumpSource open(Path dump, DumpChoice choice, OpenMonitor monitor) throws StateferryException {
        return PipeFeed.isAt(dump) ? openPipe(dump, choice, monitor) : openFile(dump, choice, monitor);
    }

    private static DumpSource openPipe(Path dump, DumpChoice choice, OpenMonitor monitor) throws StateferryException {
        HeadFeed feed = new HeadFeed(PipeFeed.open(dump, monitor));
        try {
            Path path = dump.toAbsolutePath();
            FileStatus status = FileStatus.of(dump);
            monitor.notice("reading a pipe: an import that fails has to begin anew, and gives back what it has taken");
            DumpLayout layout = DumpLayout.find(feed, choice, path, Long.MAX_VALUE);
            tellDomain(layout, monitor);
            requireBegun(feed.at(layout.streamOffset(), 1), path);
            return SequentialDump.open(
                    new Pipe(path, feed, layout.streamOffset(), layout.codec(), Instant.now(), status), layout);
        } catch (StateferryException | RuntimeException | Error e) {
            closeAfter(feed, e);
            throw e;
        } catch (IOException e) {
            closeAfter(feed, e);
            throw StateferryException.in(FailureKind.DUMP_MISSING, dump, "the dump cannot be opened: " + e.getMessage())
                    .causedBy(e);
        }
    }

    private static void requireBegun(ByteBuffer first, Path path) throws StateferryException {
        if (!first.hasRemaining()) {
            throw StateferryException.in(FailureKind.DUMP_INVALID, path, "the pipe ends before the saved state begins")
                    .advise("See what its writer says, and run both again.");
        }
    }

    private static DumpSource openFile(Path dump, DumpChoice choice, OpenMonitor monitor) throws StateferryException {
        DumpFile file = DumpFile.open(dump);
        try {
            DumpLayout layout = DumpLayout.find(probe(file), choice, file.path(), file.size());
            tellDomain(layout, monitor);
            Codec codec = layout.codec();
            if (codec != null) {
                return SequentialDump.open(
                        new CompressedFile(file, choice.offset(), layout.streamOffset(), codec), layout);
            }
            DumpForm form = layout.form(false);
            if (form.container() == DumpForm.Container.OPAQUE) {
                return new OpenDump(
                        file, form, choice.offset(), null, headFacts(file, choice.offset()), null, List.of());
            }
            StreamSurvey.Effort effort = new StreamSurvey.Effort(isEndTrusted(file), Long.MAX_VALUE);
            StreamSurvey.Result found =
                    StreamSurvey.run(new MonitoredFile(file, monitor), layout.streamOffset(), effort);
            if (found.obstacle() != null) {
                throw found.obstacle();
            }
            MigrationStream stream = found.stream();
            return new OpenDump(
                    file, form, choice.offset(), stream, stream.facts(), found.damage(), warnings(stream, file));
        } catch (StateferryException | RuntimeException | Error e) {
            closeAfter(file, e);
            throw e;
        }
    }

    /** Shows what a file holds. */
    static DumpLayout.Probe probe(DumpFile file) {
        return (offset, count) -> file.read(offset, (int) Math.max(0, Math.min(count, file.size() - offset)));
    }

    private static void tellDomain(DumpLayout layout, OpenMonitor monitor) {
        LibvirtSaveHeader header = layout.header();
        if (header != null) {
            monitor.notice("a libvirt save file, " + header.format().label() + ": its stream begins at byte "
                    + layout.streamOffset() + ", the domain's XML is not used");
        }
    }

    /** Whether a vmdescription at the end of a file is taken for that of the stream without following the sections to it. */
    static boolean isEndTrusted(DumpFile file) {
        return file.size() > MEASURED_SIZE_MAX && !file.isBlockDevice();
    }

    /** What an opaque dump says about its machine if it begins as a stream does; its end is not searched. */
    private static @Nullable StreamFacts headFacts(DumpFile file, long begin) throws StateferryException {
        return DumpLayout.isStream(probe(file).at(begin, DumpLayout.HEAD_SIZE))
                ? StreamSurvey.run(file, begin, new StreamSurvey.Effort(true, 0)).stream()
                        .facts()
                : null;
    }

    private static void closeAfter(Closeable file, Throwable failure) {
        try {
            file.close();
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    private static List<String> warnings(MigrationStream stream, DumpFile file) {
        List<String> warnings = new ArrayList<>();
        if (stream.vmDescription() == null) {
            warnings.add("the stream has no vmdescription, so not all damage to its device state can be noticed");
        }
        if (stream.surplus() > 0) {
            warnings.add("the stream ends at byte " + (stream.fileOffset() + stream.length()) + " of " + file.path()
                    + ": the " + stream.surplus() + " bytes behind it are not part of it and are left out");
        }
        return warnings;
    }
}
