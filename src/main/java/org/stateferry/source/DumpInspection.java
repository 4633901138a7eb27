package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.StreamGlance;
import org.stateferry.stream.StreamHead;
import org.stateferry.stream.VmDescription;

/**
 * Finds out what a file holds, whether it can be imported or not. Only the beginning and the end of a file are read: at most
 * {@link StreamHead#SIZE_MAX} and {@link VmDescription#TAIL_SIZE_MAX} bytes, and the text of a save file.
 */
public final class DumpInspection {
    private static final String MISSING_PAYLOAD = "the file ends before its payload";

    private DumpInspection() {}

    /**
     * Inspects a file. It is opened read-only and closed again.
     *
     * @throws StateferryException {@code DUMP_MISSING}; {@code DUMP_INVALID} if the file is not recognised or its header is
     *     damaged; {@code DUMP_UNFIT} if its header has a version that is not known
     */
    public static DumpContent inspect(Path path) throws StateferryException {
        try (DumpFile file = DumpFile.open(path)) {
            ByteBuffer start = file.read(0, (int) Math.min(file.size(), LibvirtSaveHeader.SIZE));
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

    private static DumpContent.Stream stream(DumpFile file, long offset) throws StateferryException {
        List<StateferryException> problems = new ArrayList<>();
        long size = file.size() - offset;
        int tailSize = (int) Math.min(size, VmDescription.TAIL_SIZE_MAX);
        ByteBuffer tail = withoutPadding(file.read(file.size() - tailSize, tailSize));
        long unpadded = size - tailSize + tail.limit();
        VmDescription vmDescription = null;
        try {
            vmDescription = VmDescription.find(file.path(), offset, tail, unpadded);
        } catch (StateferryException e) {
            problems.add(e);
        }
        long length = vmDescription == null ? size : unpadded;
        ByteBuffer prefix = file.read(offset, (int) Math.min(length, StreamHead.SIZE_MAX));
        StreamGlance glance = StreamHead.glance(file.path(), offset, prefix, length, vmDescription);
        if (glance.obstacle() != null) {
            problems.add(0, glance.obstacle());
        }
        if (vmDescription == null && problems.isEmpty() && tail.limit() == tailSize) {
            problems.add(invalid(file, file.size() - 1, "the stream is cut off: its last byte is not the end mark"));
        }
        return new DumpContent.Stream(offset, length, glance.facts(), problems);
    }

    /** Removes the zero bytes at the end. If the padding is longer than the tail, no vmdescription is found behind it. */
    private static ByteBuffer withoutPadding(ByteBuffer tail) {
        int end = tail.limit();
        while (end > 0 && tail.get(end - 1) == 0) {
            end--;
        }
        return tail.limit(end);
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
        ByteBuffer magic = file.read(offset, (int) Math.min(file.size() - offset, ForeignFormat.MAGIC_SIZE_MAX));
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
