package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;

/**
 * Finds out what a file holds, whether it can be imported or not. Of a large file no more is read than some megabytes
 * at its beginning and end; if the stream in it does not end with the file, it is followed for {@link #MEASURE_MAX}
 * bytes.
 */
public final class DumpInspection {
    /** How far a stream is followed to find its end, in bytes. */
    static final long MEASURE_MAX = 512L * 1024 * 1024;

    private static final String MISSING_PAYLOAD = "the file ends before its payload";

    private DumpInspection() {}

    /**
     * Inspects a file. It is opened read-only and closed again.
     *
     * @throws StateferryException {@code DUMP_MISSING}; {@code DUMP_INVALID} if the file is not recognised or its
     *     header is damaged; {@code DUMP_UNFIT} if its header has a version that is not known
     */
    public static DumpContent inspect(Path path) throws StateferryException {
        try (DumpFile file = DumpFile.open(path)) {
            ByteBuffer start = file.read(0, (int) Math.min(file.size(), ForeignFormat.HEAD_SIZE));
            if (DumpSources.isStream(start)) {
                return stream(file, 0);
            }
            if (LibvirtSaveHeader.isAt(start)) {
                return libvirtSave(file, LibvirtSaveHeader.parse(start, file.path(), file.size()));
            }
            ForeignFormat foreign = ForeignFormat.of(start);
            if (foreign == null) {
                throw DumpSources.notRecognised(file.path());
            }
            return foreign == ForeignFormat.QCOW2
                    ? new DumpContent.Image()
                    : new DumpContent.Other(foreign.description(), foreign.advice());
        }
    }

    /** Reads a stream through, which lies in a file as it is. */
    @FunctionalInterface
    public interface StreamUse<T> {
        /** The file is closed afterwards. */
        T use(StreamFile file, StreamSurvey.Result found) throws StateferryException;
    }

    /**
     * Hands the stream that a file holds to somebody who reads it through.
     *
     * @throws StateferryException {@code DUMP_MISSING}; {@code DUMP_INVALID} or {@code DUMP_UNFIT} if the file holds no stream
     *     that lies there as it is
     */
    public static <T> T read(Path path, StreamUse<T> use) throws StateferryException {
        try (DumpFile file = DumpFile.open(path)) {
            ByteBuffer start = file.read(0, (int) Math.min(file.size(), ForeignFormat.HEAD_SIZE));
            long offset = 0;
            if (LibvirtSaveHeader.isAt(start)) {
                LibvirtSaveHeader header = LibvirtSaveHeader.parse(start, file.path(), file.size());
                offset = header.payloadOffset();
            }
            ByteBuffer begin = file.read(offset, (int) Math.min(file.size() - offset, ForeignFormat.HEAD_SIZE));
            if (!DumpSources.isStream(begin)) {
                ForeignFormat foreign = ForeignFormat.of(begin);
                throw StateferryException.at(
                                FailureKind.DUMP_UNFIT,
                                file.path(),
                                offset,
                                "there is no stream that could be looked into: "
                                        + (foreign == null ? "it is no saved state" : foreign.description()))
                        .advise("stateferry inspect " + path + " without further options tells what the file is.");
            }
            return use.use(
                    file,
                    StreamSurvey.run(
                            file, offset, new StreamSurvey.Effort(DumpSources.isEndTrusted(file), Long.MAX_VALUE)));
        }
    }

    private static DumpContent.Stream stream(DumpFile file, long offset) throws StateferryException {
        StreamSurvey.Result found =
                StreamSurvey.run(file, offset, new StreamSurvey.Effort(DumpSources.isEndTrusted(file), MEASURE_MAX));
        return content(found);
    }

    /** What was found of a stream, as content. */
    public static DumpContent.Stream content(StreamSurvey.Result found) {
        List<StateferryException> problems = Stream.of(found.obstacle(), found.damage())
                .filter(Objects::nonNull)
                .toList();
        MigrationStream stream = found.stream();
        return new DumpContent.Stream(stream.fileOffset(), stream.length(), stream.surplus(), stream.facts(), problems);
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
        DumpContent.@Nullable Stream stream = null;
        if (header.payloadOffset() == file.size()) {
            problems.add(invalid(file, header.payloadOffset(), MISSING_PAYLOAD));
        } else if (header.format().compression() == null) {
            stream = stream(file, header.payloadOffset());
        } else {
            requireCompressed(file, header, problems);
        }
        return new DumpContent.LibvirtSave(header, domain, file.size() - header.payloadOffset(), stream, problems);
    }

    private static void requireCompressed(DumpFile file, LibvirtSaveHeader header, List<StateferryException> problems)
            throws StateferryException {
        long offset = header.payloadOffset();
        ByteBuffer magic = file.read(offset, (int) Math.min(file.size() - offset, ForeignFormat.HEAD_SIZE));
        if (ForeignFormat.of(magic) != header.format().compression()) {
            problems.add(invalid(
                    file, offset, "the payload is not " + header.format().label() + ", as the header says"));
        }
    }

    private static StateferryException invalid(DumpFile file, long offset, String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, file.path(), offset, problem)
                .advise("save the state again");
    }
}
