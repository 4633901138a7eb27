package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpForm.Container;
import org.stateferry.source.codec.Codec;

/**
 * Where in a dump its stream lies, and whether it is compressed, according to the first bytes of dump and payload.
 *
 * @param container what it lies in
 * @param streamOffset where it begins, in bytes from the start of the file
 * @param codec what it is compressed with, or null if it is not
 * @param header the header of a libvirt save file, or null if it is none
 */
record DumpLayout(
        Container container,
        long streamOffset,
        @Nullable Codec codec,
        @Nullable LibvirtSaveHeader header) {
    /** How many bytes from the beginning of a dump are looked at. */
    static final int HEAD_SIZE = ForeignFormat.HEAD_SIZE;

    private static final byte[] STREAM_MAGIC = "QEVM".getBytes(StandardCharsets.US_ASCII);
    private static final String GIVE_A_STATE = "give a file that QEMU's migrate has written";

    /** Shows bytes of a dump. Offsets are in bytes from the start of the file, and never go back. */
    interface Probe {
        /** Up to {@code count} bytes at an offset, fewer at the end of the dump; of the caller's to move in. */
        ByteBuffer at(long offset, int count) throws StateferryException;
    }

    /**
     * Finds out what a dump is.
     *
     * @param file the dump, for messages
     * @param size the size of the file in bytes, or a very large number if it is not known
     * @throws StateferryException {@code DUMP_INVALID} or {@code DUMP_UNFIT} if it is not what is wanted, or nothing that can
     *     be read
     */
    static DumpLayout find(Probe probe, DumpChoice choice, Path file, long size) throws StateferryException {
        long begin = choice.offset();
        if (begin >= size) {
            throw StateferryException.in(
                            FailureKind.DUMP_INVALID, file, "the dump has " + size + " bytes, none at " + begin)
                    .advise("Give an --offset at which the saved state begins.");
        }
        DumpFormat format = choice.format();
        if (format == DumpFormat.OPAQUE) {
            return new DumpLayout(Container.OPAQUE, begin, null, null);
        }
        ByteBuffer head = probe.at(begin, HEAD_SIZE);
        boolean any = format == DumpFormat.AUTO;
        if ((any || format == DumpFormat.LIBVIRT) && LibvirtSaveHeader.isAt(head)) {
            return libvirt(probe, begin, head, file, size);
        }
        Codec codec = Codec.at(head);
        if (codec != null && (any || format.codec() == codec)) {
            return new DumpLayout(Container.STREAM, begin, codec, null);
        }
        if ((any || format == DumpFormat.PLAIN) && isStream(head)) {
            return new DumpLayout(Container.STREAM, begin, null, null);
        }
        throw refusal(head, format, file, begin);
    }

    private static DumpLayout libvirt(Probe probe, long begin, ByteBuffer head, Path file, long size)
            throws StateferryException {
        if (ForeignFormat.of(head) == ForeignFormat.LIBVIRT_PARTIAL) {
            throw ForeignFormat.LIBVIRT_PARTIAL.refuse(file);
        }
        LibvirtSaveHeader header = LibvirtSaveHeader.parse(head, file, size - begin);
        long payload = begin + header.payloadOffset();
        Codec codec = header.format().codec();
        requirePayload(probe.at(payload, Codec.MAGIC_SIZE_MAX), header, file, payload);
        return new DumpLayout(Container.LIBVIRT, payload, codec, header);
    }

    /** Fails unless a save file's payload begins as its header says. */
    static void requirePayload(ByteBuffer start, LibvirtSaveHeader header, Path file, long payload)
            throws StateferryException {
        if (!start.hasRemaining()) {
            throw StateferryException.at(FailureKind.DUMP_INVALID, file, payload, "the file ends before its payload")
                    .advise("save the state again");
        }
        Codec codec = header.format().codec();
        if (codec == null ? !isStream(start) : !codec.isAt(start)) {
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID,
                            file,
                            payload,
                            "the payload is not " + header.format().label() + ", as the header says")
                    .advise("save the state again");
        }
    }

    /** Whether these first bytes are those of a migration stream. */
    static boolean isStream(ByteBuffer prefix) {
        return prefix.remaining() >= STREAM_MAGIC.length
                && prefix.slice(prefix.position(), STREAM_MAGIC.length).equals(ByteBuffer.wrap(STREAM_MAGIC));
    }

    private static StateferryException refusal(ByteBuffer head, DumpFormat format, Path file, long begin) {
        if (format != DumpFormat.AUTO && format != DumpFormat.PLAIN) {
            Codec codec = format.codec();
            return StateferryException.at(
                            FailureKind.DUMP_INVALID,
                            file,
                            begin,
                            codec == null ? "not a libvirt save file" : "not compressed with " + codec.label())
                    .advise("Leave out --format to have the form recognised.");
        }
        ForeignFormat foreign = ForeignFormat.of(head);
        if (foreign != null) {
            return foreign.refuse(file);
        }
        return format == DumpFormat.PLAIN
                ? StateferryException.at(
                                FailureKind.DUMP_INVALID,
                                file,
                                begin,
                                "not a plain QEMU migration stream: the magic QEVM is missing")
                        .advise(GIVE_A_STATE)
                : notRecognised(file, begin);
    }

    /** The failure for a dump whose content is not recognised. */
    static StateferryException notRecognised(Path file, long offset) {
        return StateferryException.at(
                        FailureKind.DUMP_INVALID,
                        file,
                        offset,
                        "not a saved state: it begins neither as a QEMU migration stream nor as any other format that is known")
                .advise(GIVE_A_STATE);
    }

    /** Where the stream begins when the dump is unpacked: what the places of its pages count from. */
    long unpackedOffset() {
        return codec == null ? streamOffset : 0;
    }

    /** The form of a dump that lies so. */
    DumpForm form(boolean pipe) {
        return new DumpForm(container, codec, pipe);
    }

    /** What offsets in the stream count, for messages; null if they are the file's own. */
    @Nullable
    String offsets() {
        if (codec != null) {
            return "counted in the decompressed stream";
        }
        return streamOffset == 0 ? null : "counted from the stream's first byte";
    }
}
