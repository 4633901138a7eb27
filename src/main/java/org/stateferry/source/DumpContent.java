package org.stateferry.source;

import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.source.codec.Codec;
import org.stateferry.stream.StreamFacts;

/** What {@link DumpInspection} found in a file. */
public sealed interface DumpContent {
    /**
     * A QEMU migration stream.
     *
     * @param offset where in the file it begins, in bytes
     * @param codec what it is compressed with, or null if it is not
     * @param length its length in bytes without padding; up to the end of the file if it has no vmdescription; empty if it
     *     was not read to its end
     * @param surplus how many bytes follow it in the file that are neither part of it nor all zeros
     * @param facts what it says about the machine that was saved
     * @param problems why it is damaged or cannot be loaded from a snapshot, as far as its head and its end show
     */
    record Stream(
            long offset,
            @Nullable Codec codec,
            OptionalLong length,
            long surplus,
            StreamFacts facts,
            List<StateferryException> problems)
            implements DumpContent {
        public Stream {
            problems = List.copyOf(problems);
        }
    }

    /**
     * A libvirt save file.
     *
     * @param header its header
     * @param domain what its XML says about the machine; null if the XML is damaged
     * @param payloadSize the number of bytes from the beginning of the payload to the end of the file
     * @param stream the stream that the payload is, or null if it is damaged
     * @param problems what is wrong with the file apart from the stream
     */
    record LibvirtSave(
            LibvirtSaveHeader header,
            @Nullable LibvirtDomain domain,
            long payloadSize,
            @Nullable Stream stream,
            List<StateferryException> problems)
            implements DumpContent {
        public LibvirtSave {
            problems = List.copyOf(problems);
        }
    }

    /**
     * A format that is recognised but not read.
     *
     * @param description what the file is
     * @param advice what can be done with it
     */
    record Other(String description, String advice) implements DumpContent {}

    /** A qcow2 image. The caller opens it, because images are locked while they are read. */
    record Image() implements DumpContent {}
}
