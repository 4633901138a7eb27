package org.stateferry.source;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.source.codec.Codec;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamFollower;
import org.stateferry.stream.StreamSurvey;

/** Opens dumps and detects their format. */
public final class DumpSources {
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
     * @param dump the file, or a pipe; or the image of the snapshot that is the dump
     * @param choice what of it to take
     * @param monitor can end the opening, which takes as long as reading the dump once, or waiting for a pipe's writer
     * @return the open dump; the caller closes it
     * @throws StateferryException {@code DUMP_MISSING}, {@code DUMP_INVALID} if the file is not a dump,
     *     {@code DUMP_UNFIT} if no snapshot can load it
     */
    public static DumpSource open(Path dump, DumpChoice choice, OpenMonitor monitor) throws StateferryException {
        return open(dump, choice, Locking.EXCLUSIVE, monitor);
    }

    /**
     * The same, if asked for without a lock on the image of a snapshot.
     *
     * @param locking how those who write to that image lock it
     */
    public static DumpSource open(Path dump, DumpChoice choice, Locking locking, OpenMonitor monitor)
            throws StateferryException {
        if (choice.fromSnapshot() != null) {
            return openSnapshot(dump, choice, choice.fromSnapshot(), locking, monitor);
        }
        return PipeFeed.isAt(dump)
                ? asWanted(openPipe(dump, choice, monitor), choice, monitor)
                : openFile(dump, choice, monitor);
    }

    /** What can only be read from its start, and how it lies in what it comes from. */
    record Opened(SequentialDump dump, DumpLayout layout) {
        /** All of it in a file, for a stream that nobody can read in its order; closed with what is returned, or if this fails. */
        UnpackedState unpack(OpenMonitor monitor) throws StateferryException {
            try {
                return UnpackedState.of(dump, layout.unpackedOffset(), monitor);
            } catch (StateferryException | RuntimeException | Error e) {
                closeAfter(dump, e);
                throw e;
            }
        }
    }

    /** Opens a pipe as it is; the caller closes the dump. */
    static Opened openPipe(Path dump, DumpChoice choice, OpenMonitor monitor) throws StateferryException {
        HeadFeed feed = new HeadFeed(PipeFeed.open(dump, monitor));
        try {
            Path path = dump.toAbsolutePath();
            FileStatus status = FileStatus.of(dump);
            monitor.notice(
                    "reading a pipe: an import that fails has to begin anew, and frees the space that it has taken");
            DumpLayout layout = DumpLayout.find(feed, choice, path, Long.MAX_VALUE);
            tellDomain(layout, monitor);
            requireBegun(feed.at(layout.streamOffset(), 1), path);
            Pipe pipe = new Pipe(path, feed, layout.streamOffset(), layout.codec(), Instant.now(), status);
            return new Opened(SequentialDump.open(pipe, layout), layout);
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
                    .advise("Look at the messages of the program that writes into it, and run both again.");
        }
    }

    private static DumpSource openSnapshot(
            Path image, DumpChoice choice, String name, Locking locking, OpenMonitor monitor)
            throws StateferryException {
        if (choice.offset() != 0) {
            throw StateferryException.of(FailureKind.USAGE, "--offset cannot go together with --from-snapshot")
                    .advise("leave out --offset: the state of a snapshot begins with its first byte");
        }
        SnapshotState state = SnapshotState.open(image, name, locking, monitor);
        try {
            DumpLayout layout = DumpLayout.find(probe(state), choice, state.path(), state.size());
            DumpForm form = layout.form(false);
            if (form.container() == DumpForm.Container.OPAQUE) {
                return opaque(state, form, choice);
            }
            if (layout.codec() != null || layout.header() != null) {
                throw StateferryException.in(
                                FailureKind.DUMP_UNFIT,
                                state.path(),
                                "the state of the snapshot \"" + name
                                        + "\" is no migration stream, but a file that holds one")
                        .advise("Export it with stateferry export, and import that file.");
            }
            return new StreamReading(state, form, choice, monitor).open(layout.streamOffset());
        } catch (StateferryException | RuntimeException | Error e) {
            closeAfter(state, e);
            throw e;
        }
    }

    /** @param opened its dump is closed if this fails */
    private static DumpSource asWanted(Opened opened, DumpChoice choice, OpenMonitor monitor)
            throws StateferryException {
        SequentialDump dump = opened.dump();
        StreamFacts facts = dump.facts();
        if (facts == null) {
            requireUnchanged(choice, dump.path());
        }
        if (facts == null || !facts.isMapped() && !choice.wantsChange()) {
            return dump;
        }
        UnpackedState unpacked = opened.unpack(monitor);
        try {
            return new StreamReading(unpacked, dump.form(), choice, monitor)
                    .open(opened.layout().unpackedOffset());
        } catch (StateferryException e) {
            closeAfter(unpacked, e);
            throw StreamFollower.located(e, dump.path(), opened.layout().offsets());
        } catch (RuntimeException | Error e) {
            closeAfter(unpacked, e);
            throw e;
        }
    }

    private static DumpSource opaque(DumpHolder file, DumpForm form, DumpChoice choice) throws StateferryException {
        requireUnchanged(choice, file.path());
        return new OpenDump(file, form, choice.offset(), null, headFacts(file, choice.offset()), null, List.of());
    }

    private static DumpSource openFile(Path dump, DumpChoice asked, OpenMonitor monitor) throws StateferryException {
        DumpFile file = DumpFile.open(dump, monitor);
        try {
            DumpChoice choice = placed(file, asked, monitor);
            DumpLayout layout = DumpLayout.find(probe(file), choice, file.path(), file.size());
            tellDomain(layout, monitor);
            Codec codec = layout.codec();
            if (codec != null) {
                CompressedFile input = new CompressedFile(file, choice.offset(), layout.streamOffset(), codec);
                return asWanted(new Opened(SequentialDump.open(input, layout), layout), choice, monitor);
            }
            DumpForm form = layout.form(false);
            if (form.container() == DumpForm.Container.OPAQUE) {
                return opaque(file, form, choice);
            }
            return new StreamReading(file, form, choice, monitor).open(layout.streamOffset());
        } catch (StateferryException | RuntimeException | Error e) {
            closeAfter(file, e);
            throw e;
        }
    }

    /** What is asked for, with the place of the stream if the file begins with something else. */
    private static DumpChoice placed(DumpFile file, DumpChoice asked, OpenMonitor monitor) throws StateferryException {
        boolean searched = asked.offset() == 0
                && (asked.format() == DumpFormat.AUTO || asked.format() == DumpFormat.PLAIN)
                && StreamStart.isUnknown(probe(file).at(0, DumpLayout.HEAD_SIZE));
        long found = searched ? StreamStart.search(file) : StreamStart.NONE;
        if (found == StreamStart.NONE) {
            return asked;
        }
        monitor.notice("the stream begins at byte " + found + " of the dump");
        return asked.at(found);
    }

    private static void requireUnchanged(DumpChoice choice, Path file) throws StateferryException {
        if (choice.wantsChange()) {
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT,
                            file,
                            "the dump is opaque, so nothing in it can be left out or laid out anew")
                    .advise("leave out --ram-layout and --drop-section");
        }
    }

    /** Shows what a file holds. */
    static DumpLayout.Probe probe(StreamFile file) {
        return (offset, count) -> file.read(offset, (int) Math.max(0, Math.min(count, file.size() - offset)));
    }

    private static void tellDomain(DumpLayout layout, OpenMonitor monitor) {
        LibvirtSaveHeader header = layout.header();
        if (header != null) {
            monitor.notice("a libvirt save file, " + header.format().label() + ": its stream begins at byte "
                    + layout.streamOffset() + ", the domain's XML is not used");
        }
    }

    /** What an opaque dump says about its machine if it begins as a stream does; its end is not searched. */
    private static @Nullable StreamFacts headFacts(StreamFile file, long begin) throws StateferryException {
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
}
