package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpForm.Container;
import org.stateferry.source.codec.Codec;
import org.stateferry.source.mapped.MappedRam;
import org.stateferry.stream.MappedLayout;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;
import org.stateferry.stream.inspection.PageInspection.PageCounts;
import org.stateferry.stream.inspection.RamContent;
import org.stateferry.stream.inspection.StreamInspection;

/**
 * Finds out what a file holds, whether it can be imported or not. Of a large file no more is read than some megabytes
 * at its beginning and end; if the stream in it does not end with the file, it is followed for {@link #MEASURE_MAX}
 * bytes. What can only be read from its start is decoded as far.
 */
public final class DumpInspection {
    private static final int PIECE_SIZE = 1024 * 1024;

    /** How far a stream is followed to find its end, in bytes. */
    static final long MEASURE_MAX = 512L * 1024 * 1024;

    private DumpInspection() {}

    /**
     * Inspects a file. It is opened read-only and closed again.
     *
     * @throws StateferryException {@code DUMP_MISSING}; {@code DUMP_INVALID} if the file is not recognised or its
     *     header is damaged; {@code DUMP_UNFIT} if its header has a version that is not known
     */
    public static DumpContent inspect(Path path) throws StateferryException {
        if (PipeFeed.isAt(path)) {
            return pipe(path);
        }
        try (DumpFile file = DumpFile.open(path)) {
            ByteBuffer start = file.read(0, (int) Math.min(file.size(), DumpLayout.HEAD_SIZE));
            if (DumpLayout.isStream(start)) {
                return stream(file, 0);
            }
            if (LibvirtSaveHeader.isAt(start)) {
                return libvirtSave(file, LibvirtSaveHeader.parse(start, file.path(), file.size()));
            }
            Codec codec = Codec.at(start);
            if (codec != null) {
                return compressed(file, new DumpLayout(Container.STREAM, 0, codec, null));
            }
            ForeignFormat foreign = ForeignFormat.of(start);
            if (foreign == null) {
                long found = StreamStart.search(file);
                if (found != StreamStart.NONE) {
                    return stream(file, found);
                }
                throw DumpLayout.notRecognised(file.path(), 0);
            }
            return foreign == ForeignFormat.QCOW2
                    ? new DumpContent.Image()
                    : new DumpContent.Other(foreign.description(), foreign.advice());
        }
    }

    /** Reads a stream through. */
    @FunctionalInterface
    public interface StreamUse {
        /**
         * The file is closed afterwards.
         *
         * @param file yields the stream; of a compressed one, what is decoded
         * @param found what is known of the stream; its damage is where the reading ends if not before
         * @param codec what it is compressed with, or null
         */
        void use(StreamFile file, StreamSurvey.Result found, @Nullable Codec codec) throws StateferryException;
    }

    /**
     * Hands the stream that a file holds to somebody who reads it through. One that is compressed is decoded once before.
     *
     * @throws StateferryException {@code DUMP_MISSING}; {@code DUMP_INVALID} or {@code DUMP_UNFIT} if the file holds no stream
     */
    public static void read(Path path, StreamUse use) throws StateferryException {
        if (PipeFeed.isAt(path)) {
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT, path, "a pipe can be read only once, which is not enough for this")
                    .advise("write it into a file first; stateferry inspect without further options reads a pipe");
        }
        try (DumpFile file = DumpFile.open(path)) {
            ByteBuffer start = file.read(0, (int) Math.min(file.size(), DumpLayout.HEAD_SIZE));
            long offset = 0;
            Container container = Container.STREAM;
            LibvirtSaveHeader header = null;
            if (LibvirtSaveHeader.isAt(start)) {
                header = LibvirtSaveHeader.parse(start, file.path(), file.size());
                offset = header.payloadOffset();
                container = Container.LIBVIRT;
            } else if (StreamStart.isUnknown(start)) {
                offset = Math.max(0, StreamStart.search(file));
            }
            ByteBuffer begin = file.read(offset, (int) Math.min(file.size() - offset, DumpLayout.HEAD_SIZE));
            Codec codec = Codec.at(begin);
            if (codec != null) {
                decode(file, new DumpLayout(container, offset, codec, header), use);
                return;
            }
            if (!DumpLayout.isStream(begin)) {
                ForeignFormat foreign = ForeignFormat.of(begin);
                throw StateferryException.at(
                                FailureKind.DUMP_UNFIT,
                                file.path(),
                                offset,
                                "there is no stream that could be looked into: "
                                        + (foreign == null ? "it is no saved state" : foreign.description()))
                        .advise("stateferry inspect " + path + " without further options shows what the file is.");
            }
            use.use(file, whole(file, offset), null);
        }
    }

    private static StreamSurvey.Result whole(DumpHolder file, long offset) throws StateferryException {
        return StreamSurvey.run(
                file, offset, new StreamSurvey.Effort(StreamReading.isEndTrusted(file), Long.MAX_VALUE));
    }

    private static void decode(DumpFile file, DumpLayout layout, StreamUse use) throws StateferryException {
        CompressedFile input = new CompressedFile(
                file, layout.streamOffset(), layout.streamOffset(), Objects.requireNonNull(layout.codec()));
        DecodedFile.Decoded decoded = DecodedFile.decode(input, layout);
        if (decoded.stream().facts().isMapped()) {
            DumpSources.Opened opened = new DumpSources.Opened(SequentialDump.open(input, layout), layout);
            try (UnpackedState content = opened.unpack(OpenMonitor.NONE)) {
                use.use(content, whole(content, 0), layout.codec());
            }
            return;
        }
        try (DecodedFile content = decoded.content()) {
            use.use(
                    content,
                    new StreamSurvey.Result(decoded.stream(), null, decoded.damage(), null, decoded.guestRanOn()),
                    layout.codec());
        }
    }

    /**
     * Reads a stream through and tells what is in it, wherever its pages lie.
     *
     * @param pages whether pages are counted, and their contents hashed
     * @param payloads whether the devices' payloads are kept
     * @param ram takes what is in RAM, or null
     */
    public static StreamInspection.Result look(
            StreamFile file, StreamSurvey.Result found, boolean pages, boolean payloads, @Nullable RamContent ram)
            throws StateferryException {
        MappedLayout layout = found.mapped();
        StreamInspection.Result met =
                StreamInspection.run(file, found.stream(), pages, payloads, layout == null ? ram : null);
        StateferryException damage = met.damage();
        if (found.damage() != null && (damage == null || !file.isReadAnywhere())) {
            damage = found.damage(); // what is compressed was followed, and it says why there is no more
        }
        List<PageCounts> blocks = met.blocks();
        boolean ramEnded = met.ramEnded();
        try {
            if (pages && layout != null) {
                blocks = MappedRam.pages(file, found.stream(), layout);
            }
            if (ram != null && layout != null && ramEnded) {
                MappedRam.read(file, found.stream(), layout, ram);
            }
        } catch (StateferryException e) {
            damage = damage == null ? e : damage;
            ramEnded = false;
        }
        return new StreamInspection.Result(met.sections(), blocks, ramEnded, damage);
    }

    private static DumpContent.Stream stream(DumpHolder file, long offset) throws StateferryException {
        StreamSurvey.Result found =
                StreamSurvey.run(file, offset, new StreamSurvey.Effort(StreamReading.isEndTrusted(file), MEASURE_MAX));
        return content(found);
    }

    /** What was found of a stream, as content. */
    public static DumpContent.Stream content(StreamSurvey.Result found) {
        List<StateferryException> problems = Stream.of(found.obstacle(), found.damage())
                .filter(Objects::nonNull)
                .toList();
        MigrationStream stream = found.stream();
        return new DumpContent.Stream(
                stream.fileOffset(),
                null,
                OptionalLong.of(stream.length()),
                stream.surplus(),
                stream.facts(),
                problems);
    }

    private static DumpContent.Stream pipe(Path path) throws StateferryException {
        return sequential(DumpSources.openPipe(path, DumpChoice.ANY, OpenMonitor.NONE));
    }

    private static DumpContent.Stream compressed(DumpFile file, DumpLayout layout) throws StateferryException {
        CompressedFile input = new CompressedFile(
                file, layout.streamOffset(), layout.streamOffset(), Objects.requireNonNull(layout.codec()));
        return sequential(new DumpSources.Opened(SequentialDump.open(input, layout), layout));
    }

    private static DumpContent.Stream sequential(DumpSources.Opened opened) throws StateferryException {
        try (SequentialDump dump = opened.dump()) {
            StreamFacts facts = Objects.requireNonNull(dump.facts(), "a stream was recognised");
            if (!facts.isMapped()) {
                return sequential(dump, facts, opened.layout().streamOffset());
            }
            try (UnpackedState unpacked = opened.unpack(OpenMonitor.NONE)) {
                DumpContent.Stream found = stream(unpacked, opened.layout().unpackedOffset());
                return new DumpContent.Stream(
                        opened.layout().streamOffset(),
                        opened.layout().codec(),
                        found.length(),
                        found.surplus(),
                        found.facts(),
                        found.problems());
            }
        }
    }

    /** Reads a stream from its start, to its end or as far as that is worth it. */
    private static DumpContent.Stream sequential(DumpSource dump, StreamFacts opening, long offset)
            throws StateferryException {
        ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_SIZE);
        List<StateferryException> problems = new ArrayList<>();
        StreamEnd end = null;
        try (PieceStream pieces = dump.pieces(0)) {
            long read = 0;
            int count = 1;
            while (count > 0 && read < MEASURE_MAX) {
                count = pieces.read(piece.clear());
                read += count;
            }
            end = pieces.end();
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.DUMP_INVALID && e.kind() != FailureKind.DUMP_UNFIT) {
                throw e;
            }
            problems.add(e);
        }
        return new DumpContent.Stream(
                offset,
                dump.form().codec(),
                end == null ? OptionalLong.empty() : OptionalLong.of(end.length()),
                end == null ? 0 : end.surplus(),
                end == null || end.facts() == null ? opening : end.facts(),
                problems);
    }

    private static DumpContent.LibvirtSave libvirtSave(DumpFile file, LibvirtSaveHeader header)
            throws StateferryException {
        List<StateferryException> problems = new ArrayList<>();
        if (!header.complete()) {
            problems.add(ForeignFormat.LIBVIRT_PARTIAL.refuse(file.path()));
        }
        LibvirtDomain domain = null;
        try {
            byte[] xml =
                    file.read(LibvirtSaveHeader.SIZE, header.domainXmlSize()).array();
            domain = LibvirtDomain.parse(xml, file.path(), LibvirtSaveHeader.SIZE);
        } catch (StateferryException e) {
            problems.add(e);
        }
        DumpContent.Stream stream = null;
        try {
            stream = payload(file, header);
        } catch (StateferryException e) {
            problems.add(e);
        }
        return new DumpContent.LibvirtSave(header, domain, file.size() - header.payloadOffset(), stream, problems);
    }

    private static DumpContent.Stream payload(DumpFile file, LibvirtSaveHeader header) throws StateferryException {
        long offset = header.payloadOffset();
        Codec codec = header.format().codec();
        ByteBuffer start = DumpSources.probe(file).at(offset, Codec.MAGIC_SIZE_MAX);
        if (codec != null || !start.hasRemaining()) {
            DumpLayout.requirePayload(start, header, file.path(), offset);
        }
        return codec == null
                ? stream(file, offset)
                : compressed(file, new DumpLayout(Container.LIBVIRT, offset, codec, header));
    }
}
