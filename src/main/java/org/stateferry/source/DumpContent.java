package org.stateferry.source;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.StreamFacts;

/** What a file holds that people keep a saved state in, or take for one; found out by {@link DumpInspection}. */
public sealed interface DumpContent {
    /**
     * A QEMU migration stream.
     *
     * @param offset where in the file it begins, in bytes
     * @param length its length in bytes, padding left out; without a vmdescription at its end, all up to the file's end
     * @param facts what it says about its machine
     * @param problems why it is damaged, or cannot be loaded from a snapshot as it is; as far as its head and its end show
     */
    record Stream(long offset, long length, StreamFacts facts, List<StateferryException> problems)
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
     * @param payloadSize bytes from the payload's beginning to the file's end
     * @param stream the stream that the payload is, or null if the payload is compressed
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
     * A form that is known by name only.
     *
     * @param description what the file is
     * @param advice what can be done with it
     */
    record Other(String description, String advice) implements DumpContent {}

    /** A qcow2 image. Images are opened elsewhere, because they are locked. */
    record Image() implements DumpContent {}
}
